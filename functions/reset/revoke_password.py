"""RevokePassword: after expiry or failure, leaves nothing behind that opens the account."""

from datetime import UTC, datetime
from typing import TypedDict

from latchkey.adapters import ssm
from latchkey.errors import SupersededError
from latchkey.handler import task_handler
from latchkey.undoing import undo


class Event(TypedDict):
    """`began`: whether the reset certainly had the account, so that it was superseded if it has not now."""

    execution: str
    user: str
    began: bool


class Result(TypedDict):
    revoked: bool
    superseded: bool


@task_handler
def handler(event: Event, _context: object) -> Result:
    execution = event["execution"]
    try:
        return {"revoked": undo(execution, event["user"], execution, datetime.now(UTC)), "superseded": False}
    except SupersededError:
        ssm.delete_password(execution)
        return {"revoked": False, "superseded": event["began"]}
