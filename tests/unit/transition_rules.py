"""The rules of a reset's transitions in Python: what the registry's conditions are compared with.

The product says them to DynamoDB alone (`registry.condition`); the search through all orders of writes needs
them here.
"""

from latchkey.domain.resets import Attempt, Guard, Item, Phase, Reset, Transition, ensure_done
from latchkey.errors import LatchkeyError


def allows(transition: Transition, item: Item, attempt: Attempt) -> bool:
    """Tell whether the condition of a transition holds."""
    current = item.current
    if current is None:
        return bool(transition.replaces)
    if not _is_own(transition, current, attempt):
        return current.phase in transition.replaces
    return current.phase in transition.own and _passes(transition.guard, item, current, attempt)


def refusal(transition: Transition, item: Item, attempt: Attempt) -> type[LatchkeyError] | None:
    """Return what the product raises where `allows` refuses; None where an earlier try made the step."""
    try:
        ensure_done(transition, item, attempt)
    except LatchkeyError as error:
        return type(error)
    return None


def _is_own(transition: Transition, current: Reset, attempt: Attempt) -> bool:
    if transition.guard is Guard.LINK:
        return current.secret_sha256 == attempt.secret_sha256
    return current.execution == attempt.execution


def _passes(guard: Guard, item: Item, current: Reset, attempt: Attempt) -> bool:
    held = current.undone_by == attempt.actor
    match guard:
        case Guard.NONE:
            return True
        case Guard.LINK:
            return current.expires_at > attempt.now
        case Guard.FREE:
            first = attempt.actor == attempt.execution and current.phase != Phase.REVOKING
            return held or first or 0 < item.due_at <= attempt.now
        case Guard.HELD:
            return held
