"""RemoveOrphans: undoes orphaned resets, and revokes passwords that were shown and never used."""

from datetime import UTC, datetime
from typing import TypedDict

from latchkey.adapters import eventbridge, registry, stepfunctions
from latchkey.domain.resets import Phase, Reset
from latchkey.errors import ClaimGoneError
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
        Exception: the first failure, once all were tried; a retry finds the others done.
    """
    removed, failures = 0, list[Exception]()
    for key in batch:
        try:
            removed += remove(key, cleanup, now)
        except Exception as error:  # noqa: BLE001 - an item that makes no sense may fail anywhere
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
    status = "" if reset.revokes_claim else stepfunctions.status_of_reset(reset.execution)
    if status == "RUNNING":
        if reset.phase in {Phase.STORED, Phase.WAITING}:
            # It hangs. The next cleanup undoes it, when no step of it can be at work any more.
            stepfunctions.stop_reset(reset.execution, "Its claim was left behind past its time.")
        return False
    if reset.phase == Phase.CLAIMED and status == "SUCCEEDED":
        ensure_claimed(reset)
        return lapse(reset, cleanup, now)
    eventbridge.publish("Orphaned", reset.execution, reset.user)
    if not status:
        ensure_claimed(reset)
    undo(reset.execution, reset.user, cleanup, now)
    logger.info("Undid the reset %s of %s.", reset.execution, reset.user)
    registry.close_windows(reset.user, reset.window, reset.execution)
    return True


def ensure_claimed(reset: Reset) -> None:
    """Let an item pass whose execution showed its user a password: the registry's word is not enough.

    With write access to it, times can be made up so that no password is spared. So Step Functions is asked,
    which keeps executions for 90 days, longer than any item is kept
    (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).

    Raises:
        ClaimGoneError: when there was no such claim of that user, or no such execution.
    """
    if stepfunctions.user_of_claim(reset.revokes_claim or reset.execution) != reset.user:
        raise ClaimGoneError(f"{reset.execution} speaks of a claim that {reset.user} did not make.")


def lapse(reset: Reset, cleanup: str, now: datetime) -> bool:
    """Revoke a password that was shown, unless it was used or changed since; return whether it was revoked.

    Only the person who was shown it can have used it: the reset worked, and no alarm goes off.
    """
    revoked = undo(reset.execution, reset.user, cleanup, now)
    if revoked:
        eventbridge.publish("Lapsed", reset.execution, reset.user)
        logger.info("Revoked the unused password of the reset %s of %s.", reset.execution, reset.user)
    return revoked
