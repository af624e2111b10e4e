"""Inside the directory's network: finds a user who may be reset, for `ValidateUser`."""

import os
from datetime import UTC, datetime
from typing import Any, TypedDict

from latchkey.adapters.directory_secret import read_login
from latchkey.adapters.directory_users import DirectoryUsers
from latchkey.domain.directory_users import ensure_eligible, ensure_own_address, typed_name
from latchkey.handler import task_handler


class Event(TypedDict):
    """`address`: the verified address of the person who asks, if it has to be the user's own; else empty."""

    execution: str
    user: str
    address: str


class Result(TypedDict):
    user: str
    name: str
    mail: str
    language: str
    policy: dict[str, Any]


@task_handler
def handler(event: Event, _context: object) -> Result:
    users = DirectoryUsers.of(os.environ, read_login(os.environ["DIRECTORY_SECRET"]))
    user, policy = users.find(typed_name(event["user"]))
    if event["address"]:
        ensure_own_address(user, event["address"], os.environ["DIRECTORY_ADDRESS_ATTRIBUTE"])
    ensure_eligible(user, datetime.now(UTC))
    return {
        "user": user.account,
        "name": user.name,
        "mail": user.mail,
        "language": user.language,
        "policy": policy.as_json(),
    }
