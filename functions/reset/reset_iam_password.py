"""ResetIamPassword: ends every older link, and gives a user who may be reset the sealed password."""

import os
from datetime import UTC, datetime
from typing import TypedDict

from latchkey import settings
from latchkey.adapters import iam, kms
from latchkey.domain.resets import Phase, Reset
from latchkey.handler import task_handler
from latchkey.undoing import take_account


class Event(TypedDict):
    """`window`: the key of the window of requests that let the reset through; empty for an operator's."""

    execution: str
    user: str
    window: str
    sealed: str


@task_handler
def handler(event: Event, _context: object) -> None:
    secrets = kms.unseal(event["sealed"], event["execution"], event["user"], os.environ["CLAIM_KEY_ARN"])
    user = iam.find_eligible_user(event["user"], settings.protection()).name
    reset = Reset(
        execution=event["execution"],
        phase=Phase.RESETTING,
        user=user,
        window=event["window"],
        begun_at=int(datetime.now(UTC).timestamp()),
    )
    take_account(reset)
    iam.set_password(user, secrets.password)
