"""The directory's users, by way of the functions inside its network: each speaks LDAPS and does one thing.

So the functions that call AWS stay outside that network, and those inside need a secret and a key alone
(docs/decisions/0067-directory-accounts.md).
"""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from latchkey import errors
from latchkey.adapters.aws import ONCE_CONFIG, translate_errors
from latchkey.domain.passwords import PasswordPolicy
from latchkey.domain.resets import Reset
from latchkey.errors import LatchkeyError, ServiceUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

#: A function inside the network has 20 seconds.
_CONFIG = ONCE_CONFIG.merge(Config(read_timeout=27))

#: Lambda takes the network from a function that was idle for weeks: a call brings it back, and fails, as do
#: those until it is there (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html).
_PENDING = {"ResourceConflictException": ServiceUnavailableError}


@dataclass(frozen=True, slots=True)
class FoundUser:
    """A user of the directory as functions outside its network know it.

    `account` is the account's name, which no renaming changes; `name` is what the user types to sign in;
    `language` is the one the user prefers, empty where the directory names none.
    """

    account: str
    name: str
    mail: str
    language: str = ""
    policy: PasswordPolicy = field(default_factory=PasswordPolicy)


def find_eligible_user(function: str, account: str, execution: str, address: str = "") -> FoundUser:
    """Return the user of an account, or of what was typed for it, who may be reset now.

    Args:
        function: the function that finds it, by its name or ARN.
        account: the account's name; before the directory was asked, with what was typed.
        execution: the reset's name.
        address: the verified address of the person who asks, if it has to be the user's own; else empty.

    Raises:
        UserNotFoundError: when there is no such user below the search bases.
        UserNotEligibleError: when the user may not be reset, or the name leads to several users.
    """
    found = _call(function, execution=execution, user=account, address=address)
    policy = PasswordPolicy.of(found["policy"])
    return FoundUser(found["user"], found["name"], found["mail"], found["language"], policy)


def set_password(function: str, account: str, execution: str, sealed: str) -> FoundUser:
    """Give a user who may be reset the sealed password, to be changed at the next sign-in, and unlock it.

    Raises:
        UserNotFoundError: when there is no such user below the search bases.
        UserNotEligibleError: when the user may not be reset.
        DirectoryChangeError: when the service account lacks a right.
        PasswordPolicyViolationError: when the directory's policy refuses the password.
        SealBrokenError: when the password was sealed for another execution or user.
    """
    found = _call(function, execution=execution, user=account, sealed=sealed)
    return FoundUser(found["user"], found["name"], found["mail"])


def revoke_password(function: str, reset: Reset) -> bool:
    """Give a user an unknown password, unless it is no longer the one the reset set; whether it was revoked.

    One that its owner disowns is revoked whatever has become of it.

    Raises:
        DirectoryChangeError: when the service account lacks a right.
    """
    revoked: bool = _call(
        function,
        execution=reset.execution,
        user=reset.user,
        begun_at=reset.begun_at,
        stored_at=reset.stored_at,
        disowned=bool(reset.revokes_claim),
    )["revoked"]
    return revoked


@cache
def _client() -> "LambdaClient":
    # Made when it is first needed: a stack without a directory never does.
    return boto3.client("lambda", config=_CONFIG)


def _call(function: str, **event: object) -> dict[str, Any]:
    """Call a function inside the network; its errors become ours again.

    Raises:
        ServiceUnavailableError: when it ends in no way it should.
    """
    with translate_errors("ask the directory", _PENDING):
        answer = _client().invoke(FunctionName=function, Payload=json.dumps(event))
        result: dict[str, Any] = json.load(answer["Payload"])
    if "FunctionError" not in answer:
        return result
    name, message = str(result.get("errorType")), str(result.get("errorMessage"))
    error = getattr(errors, name, None)
    if isinstance(error, type) and issubclass(error, LatchkeyError):
        raise error(message)
    raise ServiceUnavailableError(f"The function that asks the directory ended with {name}.")
