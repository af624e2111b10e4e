"""The index of users in the registry's table: sixteen items `index#{digit}`, and `index#` on its making."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from latchkey.adapters import table
from latchkey.domain.user_index import (
    LONGEST_HIT,
    LONGEST_LISTING,
    LONGEST_MISS,
    build_index,
    key_of,
    names_in,
    shard_of,
)
from latchkey.domain.users import IamUser
from latchkey.errors import ListingInProgressError

_ITEM = "index#"


def find_names(spelling: str, now: int, list_users: Callable[[], Iterable[IamUser]]) -> list[str]:
    """Return the names of the users that a spelling may mean, from an index that is made anew if it is old.

    Args:
        spelling: what was typed.
        now: in seconds since 1970.
        list_users: lists all users; called once in two seconds at most, however many ask.

    Raises:
        ListingInProgressError: when the index knows no such user and is just being made.
    """
    key = key_of(spelling)
    names = _read(key)
    if _begin_listing(now, LONGEST_HIT if names else LONGEST_MISS, known=bool(names)):
        for digit, entries in build_index(list_users()).items():
            item: dict[str, object] = {"id": f"{_ITEM}{digit}", "names": entries}
            # Reading costs a tenth of writing, and most of it stays as it was.
            if table.get(f"{_ITEM}{digit}") != item:
                table.put(item)
        _end_listing(now)
        return _read(key)
    return names or _read(key)


def _read(key: str) -> list[str]:
    return names_in(table.get(f"{_ITEM}{shard_of(key)}").get("names", {}), key)


def _begin_listing(now: int, oldest: timedelta, *, known: bool) -> bool:
    """Take the making of the index, if it is older than that and no other function is at it."""
    written, found = table.update(
        _ITEM,
        "SET #lease_until = :lease_until",
        "(attribute_not_exists(#listed_at) OR #listed_at <= :old)"
        " AND (attribute_not_exists(#lease_until) OR #lease_until <= :now)",
        now=now,
        old=now - int(oldest.total_seconds()),
        lease_until=_lease_until(now),
    )
    if not written and not known and found.get("lease_until", 0) > now:
        raise ListingInProgressError("Another function is listing the users.")
    return written


def _end_listing(begun_at: int) -> None:
    """Say that the index is as old as its listing, unless another function has begun one meanwhile."""
    table.update(
        _ITEM,
        "SET #listed_at = :begun_at REMOVE #lease_until",
        "#lease_until = :lease_until",
        begun_at=begun_at,
        lease_until=_lease_until(begun_at),
    )


def _lease_until(begun_at: int) -> int:
    return begun_at + int(LONGEST_LISTING.total_seconds())
