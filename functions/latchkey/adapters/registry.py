"""The registry: which reset has a user's account, and which window of requests is open.

A user has one item, `user#{key}`. Nothing in it is secret: it holds a hash and a task token. The rules in
`domain.resets` say who may move it; here each of those transitions is one conditional write.
"""

from contextlib import suppress
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

from latchkey.adapters import table
from latchkey.domain.claims import item_id, user_key
from latchkey.domain.resets import (
    BEGIN,
    CLAIM,
    FINISH,
    GRACE,
    KEPT,
    LONGEST_CHANGE,
    REVOKE,
    REVOKE_CLAIM,
    STORE,
    Attempt,
    Guard,
    Item,
    Phase,
    Reset,
    Transition,
    ensure_done,
)
from latchkey.errors import SupersededError

#: The one partition of the index by due time. An item is in the index while it has a `due_at`.
_QUEUE = "cleanup"


# The window of requests


def open_window(key: str, execution: str, now: int, length: timedelta) -> str:
    """Open a window of requests for one name, of that length, unless one is open.

    Returns:
        The execution it is open for: this one, or that of an earlier request, which swallows this one.
    """
    _, found = table.update(
        item_id(key),
        "SET #asked_by = :execution, #open_until = :until, #kept_until = :kept_until",
        "attribute_not_exists(#open_until) OR #open_until <= :now OR #asked_by = :execution",
        execution=execution,
        now=now,
        until=now + _seconds(length),
        kept_until=now + _seconds(KEPT),
    )
    return str(found["asked_by"])


def close_windows(
    user: str, window: str, execution: str, *, failed_at: int = 0, once_in: timedelta = timedelta()
) -> None:
    """Close the windows that are open for an execution, so that the next request starts at once.

    Args:
        user: the user as IAM spells it; empty where no user was found.
        window: the key of the window that let the reset through; empty for an operator's.
        execution: the execution.
        failed_at: when it failed, in seconds since 1970; 0 where it did not.
        once_in: how often failures close windows: each of them sends a mail.
    """
    change, condition = "REMOVE #open_until", "#asked_by = :execution"
    if failed_at:
        change = f"SET #excused_until = :until {change}"
        condition += " AND (attribute_not_exists(#excused_until) OR #excused_until <= :now)"
    for key in {window, user_key(user) if user else ""} - {""}:
        until = failed_at + _seconds(once_in)
        table.update(item_id(key), change, condition, execution=execution, now=failed_at, until=until)


# The transitions of a reset


def begin(key: str, reset: Reset) -> Reset | None:
    """Take the account for a reset; return the one it replaces, which has to be told, or None.

    Raises:
        ResetInProgressError: when another is changing the account.
        SupersededError: when this reset was undone meanwhile.
    """
    return _older(_replace(BEGIN, key, reset, actor=reset.execution, due_in=LONGEST_CHANGE))


def store(key: str, attempt: Attempt, expires_at: int) -> None:
    """Note that the password is stored, and which link opens it. By now the older reset was told.

    Raises:
        SupersededError: when the reset has lost the account.
    """
    sets = (
        "#current.#stored_at = :now, #current.#expires_at = :expires_at,"
        " #current.#secret_sha256 = :secret_sha256, #due_at = :due_at,"
        " #superseded_sha256 = if_not_exists(#older.#secret_sha256, :none)"
    )
    due_at = expires_at + _seconds(GRACE)
    _move(STORE, key, attempt, sets, "#older", expires_at=expires_at, due_at=due_at, none="")


def claim(key: str, attempt: Attempt, unused_for: timedelta) -> Reset:
    """Take the claim that a link opens, for one request; the user's next request starts at once.

    After `unused_for` the cleanup looks whether the password was used.

    Raises:
        ClaimGoneError: when the link opens nothing.
        ClaimNotReadyError: when the workflow does not wait yet; nothing is consumed.
    """
    due_at = attempt.now + _seconds(unused_for)
    sets = "#current.#claimed_by = :actor, #due_at = :due_at"
    return _reset(_move(CLAIM, key, attempt, sets, "#open_until", due_at=due_at)["current"])


def revoke(key: str, attempt: Attempt, due_in: timedelta = GRACE) -> tuple[Reset, Reset | None]:
    """Take the account to undo a reset, for that long. Its link opens nothing from here on.

    Who has failed takes it again for no time at all, so that the next one need not wait.

    Returns:
        The reset, which is over if an earlier try undid it; and the one that it replaced and has to tell.

    Raises:
        ResetInProgressError: when another undoes it, or it is not due for a cleanup.
        SupersededError: when the reset has lost the account, or never had it.
    """
    due_at = attempt.now + _seconds(due_in)
    sets = "#current.#undone_by = :actor, #due_at = :due_at"
    found = _move(REVOKE, key, attempt, sets, due_at=due_at)
    return _reset(found["current"]), _older(found)


def revoke_claim(key: str, reset: Reset) -> None:
    """Take the account to revoke its password, whichever it is.

    Raises:
        ResetInProgressError: when a reset is changing the account.
    """
    _replace(REVOKE_CLAIM, key, reset, actor=reset.undone_by, due_in=GRACE)


def finish(key: str, attempt: Attempt) -> None:
    """Give the account back after undoing, unless another took the undoing over."""
    with suppress(SupersededError):
        _move(FINISH, key, attempt, removes="#due_at, #older")


def read(key: str) -> Item:
    """Return a user's item as it is now."""
    return _item(table.get(item_id(key)))


def due(now: int, start: str, limit: int) -> tuple[list[str], str]:
    """Return the keys of users whose resets are due for the cleanup, and where to go on; as `names_due`."""
    names, following = table.names_due(_QUEUE, now, start, limit)
    return [name.removeprefix(item_id("")) for name in names], following


def _replace(
    transition: Transition, key: str, reset: Reset, *, actor: str, due_in: timedelta
) -> dict[str, Any]:
    attempt = Attempt(execution=reset.execution, actor=actor, now=reset.begun_at)
    sets = "#older = if_not_exists(#current, :nothing), #current = :reset, #due_at = :due_at, #queue = :queue"
    due_at = attempt.now + _seconds(due_in)
    return _move(transition, key, attempt, sets, nothing={}, reset=asdict(reset), due_at=due_at, queue=_QUEUE)


def _move(
    transition: Transition, key: str, attempt: Attempt, sets: str = "", removes: str = "", **values: object
) -> dict[str, Any]:
    """Make a transition, or find that an earlier try made it; return the item as it is then.

    Raises what `ensure_done` does.
    """
    phase = "" if transition.replaces else "#current.#phase = :to"
    changes = ", ".join(change for change in (phase, sets, "#kept_until = :kept_until") if change)
    written, found = table.update(
        item_id(key),
        f"SET {changes}" + (f" REMOVE {removes}" if removes else ""),
        condition(transition),
        **asdict(attempt),
        **{phase.value: phase.value for phase in Phase},
        to=transition.to.value,
        kept_until=attempt.now + _seconds(KEPT),
        **values,
    )
    if not written:
        ensure_done(transition, _item(found), attempt)
    return found


_GUARDS = {
    Guard.NONE: "",
    Guard.LINK: " AND #current.#expires_at > :now",
    Guard.FREE: (
        " AND (#current.#undone_by = :actor OR #due_at <= :now"
        " OR (:actor = :execution AND #current.#phase <> :revoking))"
    ),
    Guard.HELD: " AND #current.#undone_by = :actor",
}


def condition(transition: Transition) -> str:
    """Return the condition of a transition as DynamoDB checks it."""
    own = "secret_sha256" if transition.guard is Guard.LINK else "execution"
    ways = []
    if transition.own:
        guard = _GUARDS[transition.guard]
        ways.append(f"(#current.#{own} = :{own} AND {_phase_in(transition.own)}{guard})")
    if transition.replaces:
        ways.append("attribute_not_exists(#current)")
        ways.append(f"(#current.#execution <> :execution AND {_phase_in(transition.replaces)})")
    return " OR ".join(ways)


def _phase_in(phases: frozenset[Phase]) -> str:
    return f"#current.#phase IN ({', '.join(f':{phase}' for phase in sorted(phases))})"


def _item(found: dict[str, Any]) -> Item:
    current = _reset(found["current"]) if "current" in found else None
    plain = {name: found[name] for name in ("due_at", "superseded_sha256") if name in found}
    return Item(current=current, older=_older(found), **plain)


def _older(found: dict[str, Any]) -> Reset | None:
    return _reset(found["older"]) if found.get("older") else None


def _reset(found: dict[str, Any]) -> Reset:
    return Reset(**{field.name: found[field.name] for field in fields(Reset) if field.name in found})


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())
