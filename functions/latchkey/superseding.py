"""How everything older that waits for a user ends, before the password changes."""

from latchkey import sfn, ssm
from latchkey.claims import reset_key, user_key


def supersede_others(user: str, execution: str) -> None:
    """End every other reset of the user: what its link shows is about to be no longer the password."""
    for other in ssm.waiting(user_key(user)):
        if other.reset_key != reset_key(execution):
            task_token = ssm.supersede_claim(other)
            if task_token:
                sfn.supersede(task_token)
                ssm.take_claim(other)
