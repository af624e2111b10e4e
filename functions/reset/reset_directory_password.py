"""ResetDirectoryPassword: ends every older link, and has the directory take the sealed password."""

import os
from datetime import UTC, datetime
from typing import TypedDict

from latchkey.adapters import directory
from latchkey.domain.resets import Phase, Reset
from latchkey.handler import task_handler
from latchkey.undoing import take_account


class Event(TypedDict):
    """`window`: the key of the window of requests that let the reset through; empty for an operator's."""

    execution: str
    user: str
    name: str
    window: str
    sealed: str


class Result(TypedDict):
    """The user as the function knows it that changed the password: the link goes to this address."""

    user: str
    name: str
    mail: str


@task_handler
def handler(event: Event, _context: object) -> Result:
    reset = Reset(
        execution=event["execution"],
        phase=Phase.RESETTING,
        user=event["user"],
        name=event["name"],
        window=event["window"],
        begun_at=int(datetime.now(UTC).timestamp()),
    )
    take_account(reset)
    function = os.environ["SET_DIRECTORY_PASSWORD"]
    user = directory.set_password(function, event["user"], event["execution"], event["sealed"])
    return {"user": user.account, "name": user.name, "mail": user.mail}
