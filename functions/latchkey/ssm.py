"""SSM Parameter Store: where a claim and its task token wait for the person with the link."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3

from latchkey.aws import CLIENT_CONFIG, ONCE_CONFIG, translated
from latchkey.claims import Claim, Handle, Ticket, TicketKind, user_key
from latchkey.errors import ResetInProgressError

if TYPE_CHECKING:
    from mypy_boto3_ssm.type_defs import PaginatorConfigTypeDef

_ssm = boto3.client("ssm", config=CLIENT_CONFIG)
_ssm_once = boto3.client("ssm", config=ONCE_CONFIG)

#: What stands in place of a task token once a newer reset took over, before or after there was a token.
SUPERSEDED = "superseded"

#: The workflow, and after it `cleanup`, revoke what they find past its time. SSM only deletes, so it comes
#: a day later: a claim that is gone means that somebody took it, and that there is nothing to revoke.
_EXPIRATION_MARGIN = timedelta(days=1)

#: A list that a state can carry (256 KB), and that takes seconds: SSM gives ten names a call.
_NAMES_AT_ONCE = 1000


def _user_folder(key: str) -> str:
    return f"{os.environ['CLAIMS_PATH']}/{key}"


def token_name(handle: Handle) -> str:
    """Return the name of the parameter in which the workflow keeps its task token."""
    return f"{_user_folder(handle.user_key)}/{handle}/token"


def claim_name(handle: Handle) -> str:
    """Return the name of the parameter that holds the claim itself."""
    return f"{_user_folder(handle.user_key)}/{handle}/claim"


def store_claim(handle: Handle, claim: Claim) -> None:
    """Store the claim, encrypted; a second try overwrites the first."""
    value = {
        "user": claim.user,
        "execution": claim.execution,
        "stored_at": claim.stored_at.isoformat(),
        "expires_at": claim.expires_at.isoformat(),
        "secret_sha256": claim.secret_sha256,
        "password": claim.password,
    }
    expiration = {
        "Type": "Expiration",
        "Version": "1.0",
        "Attributes": {"Timestamp": f"{claim.expires_at + _EXPIRATION_MARGIN:%Y-%m-%dT%H:%M:%S.000Z}"},
    }
    with translated("store the claim"):
        _ssm.put_parameter(
            Name=claim_name(handle),
            Type="SecureString",
            KeyId=os.environ["CLAIM_KEY_ARN"],
            Value=json.dumps(value),
            Tier="Advanced",
            Policies=json.dumps([expiration]),
            Overwrite=True,
        )


def read_claim(handle: Handle) -> tuple[Claim | None, str | None]:
    """Return the claim and the task token that wait under a handle, each None where there is none."""
    with translated("read the claim"):
        found = _ssm.get_parameters(Names=[claim_name(handle), token_name(handle)], WithDecryption=True)
    values = {parameter["Name"]: parameter["Value"] for parameter in found["Parameters"]}
    stored = values.get(claim_name(handle))
    return _parse_claim(stored) if stored else None, values.get(token_name(handle))


def _parse_claim(stored: str) -> Claim:
    value = json.loads(stored)
    times = {name: datetime.fromisoformat(value[name]) for name in ("stored_at", "expires_at")}
    return Claim(**value | times)


def take_claim(handle: Handle) -> bool:
    """Delete the claim and its task token, and tell whether it was this call that deleted the claim."""
    with translated("delete the claim"):
        answer = _ssm_once.delete_parameters(Names=[claim_name(handle), token_name(handle)])
    return claim_name(handle) in answer["DeletedParameters"]


def sweep(handle: Handle) -> bool:
    """Delete whatever waits under a handle, and tell whether there was anything."""
    with translated("delete the claim"):
        answer = _ssm.delete_parameters(Names=[claim_name(handle), token_name(handle)])
    return bool(answer["DeletedParameters"])


def supersede_claim(handle: Handle) -> str | None:
    """Delete the claim for a newer reset, and return the task token of the older, if it waits already.

    The token stays, so that a try after a crash still finds whom to tell. Where there is none, a mark
    is left in its place. Storing the token does not overwrite, so whichever comes first, the mark or
    the token, the other notices.
    """
    token = token_name(handle)
    with translated("supersede the older reset"):
        try:
            _ssm.put_parameter(Name=token, Type="String", Tier="Standard", Value=SUPERSEDED, Overwrite=False)
        except _ssm.exceptions.ParameterAlreadyExists:
            task_token = _read(token)
        else:
            task_token = SUPERSEDED
        _ssm.delete_parameters(Names=[claim_name(handle)])
    return None if task_token == SUPERSEDED else task_token


def is_superseded(handle: Handle) -> bool:
    """Tell whether a newer reset left its mark where the workflow would keep its task token."""
    with translated("read the task token"):
        return _read(token_name(handle)) == SUPERSEDED


def _read(name: str) -> str | None:
    found = _ssm.get_parameters(Names=[name])["Parameters"]
    return found[0]["Value"] if found else None


def waiting(key: str) -> dict[Handle, set[str]]:
    """Return what waits for a user: each handle, with which of `claim` and `token` there are."""
    pages = _ssm.get_paginator("get_parameters_by_path").paginate(
        Path=_user_folder(key), Recursive=True, WithDecryption=False
    )
    found: dict[Handle, set[str]] = {}
    with translated("list the user's claims"):
        for parameter in (parameter for page in pages for parameter in page["Parameters"]):
            folder, kind = parameter["Name"].split("/")[-2:]
            if handle := Handle.parse(folder):
                found.setdefault(handle, set()).add(kind)
    return found


def parameter_names(start: str) -> tuple[list[str], str]:
    """Return the names of the stack's next parameters, and where to go on; empty at the end.

    Args:
        start: where to go on, from an earlier call; empty at the beginning.
    """
    part: PaginatorConfigTypeDef = {"MaxItems": _NAMES_AT_ONCE}
    if start:
        part["StartingToken"] = start
    pages = _ssm.get_paginator("get_parameters_by_path").paginate(
        Path=os.environ["PARAMETERS_PATH"], Recursive=True, WithDecryption=False, PaginationConfig=part
    )
    with translated("list the parameters"):
        found = pages.build_full_result()
    return [parameter["Name"] for parameter in found["Parameters"]], found.get("NextToken", "")


def _ticket_name(kind: TicketKind, handle: Handle) -> str:
    return f"{os.environ['PARAMETERS_PATH']}/{kind}/{handle.user_key}/{handle}"


def store_ticket(kind: TicketKind, handle: Handle, ticket: Ticket) -> None:
    """Store a ticket; it holds the hash of its secret only. A second try overwrites the first."""
    with translated("store the ticket"):
        _ssm.put_parameter(
            Name=_ticket_name(kind, handle),
            Type="String",
            Tier="Standard",
            Value=json.dumps(asdict(ticket)),
            Overwrite=True,
        )


def read_ticket(kind: TicketKind, handle: Handle) -> Ticket | None:
    """Return the ticket that waits under a handle, or None."""
    with translated("read the ticket"):
        value = _read(_ticket_name(kind, handle))
    return Ticket(**json.loads(value)) if value else None


def delete_ticket(kind: TicketKind, handle: Handle) -> bool:
    """Delete the ticket that waits under a handle, and tell whether there was one."""
    with translated("delete the ticket"):
        answer = _ssm.delete_parameters(Names=[_ticket_name(kind, handle)])
    return bool(answer["DeletedParameters"])


def _lock_name(key: str) -> str:
    return f"{_user_folder(key)}/lock"


def take_lock(user: str, execution: str, purpose: str) -> str:
    """Let no other reset of the user change the account, until `release_lock`.

    The lock is a parameter that can be created only once. It survives a crash of its holder, so that
    the holder's next try finds it; `cleanup` removes one whose execution is over.

    Returns:
        The purpose this execution holds the lock for: an earlier one, where it held it already.

    Raises:
        ResetInProgressError: when another execution holds it.
    """
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    value = json.dumps({"execution": execution, "user": user, "purpose": purpose, "taken_at": taken_at})
    name = _lock_name(user_key(user))
    with translated("take the user's lock"):
        try:
            _ssm.put_parameter(Name=name, Type="String", Tier="Standard", Value=value, Overwrite=False)
        except _ssm.exceptions.ParameterAlreadyExists:
            holder = lock_holder(user_key(user))
            if holder.get("execution") == execution:
                return holder["purpose"]
            raise ResetInProgressError(
                f"Another reset of {user} is changing the account: {holder.get('execution', 'just over')}."
            ) from None
    return purpose


def holds_lock(user: str, execution: str) -> bool:
    """Tell whether this execution holds the user's lock."""
    return lock_holder(user_key(user)).get("execution") == execution


def lock_holder(key: str) -> dict[str, str]:
    """Return who holds a user's lock: `execution`, `user`, `purpose`, `taken_at`; empty where nobody does."""
    with translated("read the user's lock"):
        value = _read(_lock_name(key))
    return dict(json.loads(value)) if value else {}


def release_lock(user: str, execution: str) -> None:
    """Give the user's lock back; one that this execution does not hold stays."""
    if holds_lock(user, execution):
        with translated("release the user's lock"):
            _ssm.delete_parameters(Names=[_lock_name(user_key(user))])
