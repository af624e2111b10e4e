"""ResetIamPassword: gives the user the sealed password, to be changed at the next sign-in."""

from typing import TypedDict

from latchkey import iam, kms
from latchkey.entry import task


class Event(TypedDict):
    execution: str
    user: str
    sealed: str


@task
def handler(event: Event, _context: object) -> None:
    secrets = kms.unseal(event["sealed"], event["execution"])
    iam.set_password(event["user"], secrets.password)
