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


class Result(TypedDict):
    revoked: bool
    superseded: bool


@task
def handler(event: Event, _context: object) -> Result:
    result = undo(event["execution"], event["user"], datetime.fromisoformat(event["reset_at"]))
    ssm.release_lock(event["user"], event["execution"])
    return result


def undo(execution: str, user: str, reset_at: datetime) -> Result:
    """Revoke what this execution set, if that still stands, and delete its claim.

    It stands if the lock taken for the reset was never released, or if the claim still waits. The
    password goes before the claim: a crash in between leaves the claim, so the next try sees that
    there is still something to undo. A claim that is gone was taken by a newer reset, which left its
    mark, or by a visitor who came in the last moment.
    """
    purpose = ssm.take_lock(user, execution, "revoke")
    own = {
        handle: kinds
        for handle, kinds in ssm.waiting(user_key(user)).items()
        if handle.reset_key == reset_key(execution)
    }
    stands = purpose == "reset" or any("claim" in kinds for kinds in own.values())
    superseded = not stands and any(ssm.is_superseded(handle) for handle in own)
    revoked = stands and revoke(user, reset_at)
    for handle in own:
        ssm.take_claim(handle)
    return {"revoked": revoked, "superseded": superseded}


def revoke(name: str, reset_at: datetime) -> bool:
    """Give the user a password nobody knows, unless the password is no longer the one this reset set.

    Returns whether it did. A user who is gone, lost console access, or changed or used the password
    meanwhile is left alone.
    """
    try:
        user = iam.find_user(name)
        if was_taken_over(user, must_change=iam.must_change_password(name), since=reset_at):
            return False
        lock_out(name)
    except (UserNotFoundError, UserNotEligibleError):
        return False
    return True


def lock_out(name: str) -> None:
    """Give the user a password nobody knows.

    Raises:
        UserNotEligibleError: when the user is gone or has no password.
    """
    iam.set_password(name, generate_password(PasswordPolicy(), MAXIMUM_LENGTH))
