"""RevokePassword: after expiry or failure, leaves nothing behind that opens the account."""

from datetime import datetime
from typing import TypedDict

from latchkey import iam, ssm
from latchkey.claims import reset_key, user_key
from latchkey.entry import task
from latchkey.errors import UserNotEligibleError, UserNotFoundError
from latchkey.passwords import MAXIMUM_LENGTH, PasswordPolicy, generate_password
from latchkey.users import was_taken_over


class Event(TypedDict):
    execution: str
    user: str
    reset_at: str
    stored: bool


class Result(TypedDict):
    revoked: bool


@task
def handler(event: Event, _context: object) -> Result:
    own = reset_key(event["execution"])
    live = ssm.live_handles(user_key(event["user"])).items()
    left = {handle: has_claim for handle, has_claim in live if handle.reset_key == own}
    # The password goes before the claim: a crash in between leaves the claim, so the next try sees
    # that there is still something to revoke.
    revoked = (any(left.values()) or not event["stored"]) and revoke(
        event["user"], datetime.fromisoformat(event["reset_at"])
    )
    for handle in left:
        ssm.take_claim(handle)
    return {"revoked": revoked}


def revoke(name: str, reset_at: datetime) -> bool:
    """Give the user a password nobody knows, unless the password is no longer the one this reset set.

    Returns whether it did. A user who is gone, lost console access, or changed or used the password
    meanwhile is left alone.
    """
    try:
        user = iam.find_user(name)
        if was_taken_over(user, must_change=iam.must_change_password(name), since=reset_at):
            return False
        iam.set_password(name, generate_password(PasswordPolicy(), MAXIMUM_LENGTH))
    except (UserNotFoundError, UserNotEligibleError):
        return False
    return True
