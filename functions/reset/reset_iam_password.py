"""ResetIamPassword: gives the user the sealed password, and ends every older link before it does."""

from typing import TypedDict

from latchkey import iam, kms, sfn, ssm
from latchkey.claims import reset_key, user_key
from latchkey.entry import task


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


def supersede_others(user: str, execution: str) -> None:
    """End every other reset of the user: what its link shows is about to be no longer the password."""
    for other in ssm.waiting(user_key(user)):
        if other.reset_key != reset_key(execution):
            task_token = ssm.supersede_claim(other)
            if task_token:
                sfn.supersede(task_token)
                ssm.take_claim(other)
