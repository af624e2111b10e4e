"""RemoveOrphans: undoes resets that nobody looks after any more, as their own RevokePassword would have."""

from datetime import UTC, datetime
from typing import TypedDict

from latchkey import events, sfn, ssm
from latchkey.claims import Handle
from latchkey.entry import logger, task
from latchkey.errors import LatchkeyError
from latchkey.orphans import Leftover, is_past
from reset.revoke_password import undo


class Event(TypedDict):
    execution: str
    batch: list[str]


class Result(TypedDict):
    removed: int


@task
def handler(event: Event, _context: object) -> Result:
    return {"removed": remove_all(event["batch"], datetime.now(UTC))}


def remove_all(batch: list[str], now: datetime) -> int:
    """Remove what is left of each; one that fails does not keep the others.

    Raises:
        LatchkeyError: the first failure, once all were tried; another try finds the others gone.
    """
    removed, failures = 0, []
    for leftover in batch:
        try:
            removed += remove(leftover, now)
        except LatchkeyError as error:
            logger.warning("Left for later: %s: %s: %s", leftover, type(error).__name__, error)
            failures.append(error)
    if failures:
        raise failures[0]
    return removed


def remove(leftover: str, now: datetime) -> bool:
    """Remove what is left of one reset, unless it is still looked after; tell whether there was something."""
    found = Leftover.parse(leftover)
    if found.handle is None:
        return remove_lock(found.user_key)
    if found.ticket_kind is None:
        return remove_claim(found.handle, now)
    # An unanswered ticket is no orphan: most people have no reason to press its button.
    return is_past(found.handle, now) and ssm.delete_ticket(found.ticket_kind, found.handle)


def remove_claim(handle: Handle, now: datetime) -> bool:
    """End what still runs past its time, revoke the password nobody claimed, delete both parameters."""
    claim, _ = ssm.read_claim(handle)
    if claim is None:
        # A token or a mark alone harms nobody; while its time lasts its execution may still look at it.
        return is_past(handle, now) and ssm.sweep(handle)
    if sfn.is_running(claim.execution):
        if not is_past(handle, now):
            return False
        sfn.stop_reset(claim.execution, "Its claim was left behind past its time.")
    events.tell("Orphaned", claim.execution, claim.user)
    undo(claim.execution, claim.user, claim.stored_at)
    logger.info("Undid the reset %s of %s.", claim.execution, claim.user)
    ssm.release_lock(claim.user, claim.execution)
    return True


def remove_lock(user_key: str) -> bool:
    """Free a user whom an execution that is over kept locked, and revoke what it may have set."""
    holder = ssm.lock_holder(user_key)
    if not holder or sfn.is_running(holder["execution"]):
        return False
    events.tell("Orphaned", holder["execution"], holder["user"])
    undo(holder["execution"], holder["user"], datetime.fromisoformat(holder["taken_at"]))
    logger.info("Undid the reset %s of %s.", holder["execution"], holder["user"])
    ssm.release_lock(holder["user"], holder["execution"])
    return True
