"""RemoveOrphans: undoes orphaned resets, and revokes passwords that were shown and never used."""

from datetime import UTC, datetime
from typing import TypedDict

from latchkey.adapters import eventbridge, registry, stepfunctions
from latchkey.domain.resets import Phase, Reset
from latchkey.errors import ClaimGoneError, LatchkeyError
from latchkey.handler import task_handler
from latchkey.observability import logger
from latchkey.undoing import undo


class Event(TypedDict):
    execution: str
    batch: list[str]


class Result(TypedDict):
    removed: int


@task_handler
def handler(event: Event, _context: object) -> Result:
    return {"removed": remove_all(event["batch"], event["execution"], datetime.now(UTC))}


def remove_all(batch: list[str], cleanup: str, now: datetime) -> int:
    """Undo what is left of each user's reset; a failure does not stop the others.

    Raises:
        LatchkeyError: the first failure, once all were tried; a retry finds the others done.
    """
    removed, failures = 0, []
    for key in batch:
        try:
            removed += remove(key, cleanup, now)
        except LatchkeyError as error:
            logger.warning("Left for later: %s: %s: %s", key, type(error).__name__, error)
            failures.append(error)
    if failures:
        raise failures[0]
    return removed


def remove(key: str, cleanup: str, now: datetime) -> bool:
    """Undo what is left of a user's reset, unless its execution still does; return whether it did."""
    item = registry.read(key)
    reset = item.current
    if reset is None or reset.phase == Phase.OVER:
        return False
    if reset.undone_by != cleanup and not 0 < item.due_at <= now.timestamp():
        return False
    # A revocation has no execution.
    if not reset.revokes_claim and stepfunctions.is_running(reset.execution):
        if reset.phase in {Phase.STORED, Phase.WAITING}:
            # It hangs. The next cleanup undoes it, when no step of it can be at work any more.
            stepfunctions.stop_reset(reset.execution, "Its claim was left behind past its time.")
        return False
    if reset.phase == Phase.CLAIMED and not reset.revokes_claim:
        return lapse(reset, cleanup, now)
    eventbridge.publish("Orphaned", reset.execution, reset.user)
    if reset.revokes_claim:
        ensure_claimed(reset)
    undo(reset.execution, reset.user, cleanup, now)
    logger.info("Undid the reset %s of %s.", reset.execution, reset.user)
    registry.close_windows(reset.user, reset.window, reset.execution)
    return True


def ensure_claimed(revocation: Reset) -> None:
    """Let a revocation pass whose user was shown a password: write access to the registry must not be enough.

    It spares no one who uses a password of their own. So Step Functions is asked, as by `RevokeClaim`.

    Raises:
        ClaimGoneError: when there was no such claim of that user.
    """
    if stepfunctions.user_of_claim(revocation.revokes_claim) != revocation.user:
        raise ClaimGoneError(f"{revocation.execution} speaks of a claim that {revocation.user} did not make.")


def lapse(reset: Reset, cleanup: str, now: datetime) -> bool:
    """Revoke a password that was shown, unless it was used or changed since; return whether it was revoked.

    Only the person who was shown it can have used it: the reset worked, and no alarm goes off.
    """
    revoked = undo(reset.execution, reset.user, cleanup, now)
    if revoked:
        eventbridge.publish("Lapsed", reset.execution, reset.user)
        logger.info("Revoked the unused password of the reset %s of %s.", reset.execution, reset.user)
    return revoked
