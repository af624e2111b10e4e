"""ResetIamPassword: gives the user the sealed password, and ends every older link before it does."""

from typing import TypedDict

from latchkey import iam, kms, ssm
from latchkey.entry import task
from latchkey.superseding import supersede_others


class Event(TypedDict):
    execution: str
    user: str
    sealed: str


@task
def handler(event: Event, _context: object) -> None:
    secrets = kms.unseal(event["sealed"], event["execution"])
    ssm.take_lock(event["user"], event["execution"], "reset")
    supersede_others(event["user"], event["execution"])
    iam.set_password(event["user"], secrets.password)
