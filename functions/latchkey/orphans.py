"""What a reset may leave behind, and when nobody looks after it any more."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, groupby
from typing import Self

from latchkey.claims import Handle, TicketKind, reset_key

#: How long after its time a claim is left to its own execution, which needs seconds.
GRACE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Leftover:
    """What stands for a claim with or without its token, a lock, or a ticket.

    `name` is the claim's handle, `lock`, or the ticket's kind and handle with a slash between.
    """

    user_key: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the leftover that `str` made a text of."""
        user_key, _, name = text.partition("/")
        return cls(user_key, name)

    def __str__(self) -> str:
        return f"{self.user_key}/{self.name}"

    @property
    def ticket_kind(self) -> TicketKind | None:
        """The kind of the ticket; None for what is none."""
        kind, slash, _ = self.name.partition("/")
        return TicketKind(kind) if slash else None

    @property
    def handle(self) -> Handle | None:
        """The claim's or the ticket's handle; None for a lock."""
        return Handle.parse(self.name.rpartition("/")[2])

    def is_suspect(self, running: Collection[str], now: datetime) -> bool:
        """Tell whether it is worth a closer look: its time is over, or its execution seems to be.

        Args:
            running: the reset keys of the executions that run now.
            now: the present time.
        """
        handle = self.handle
        if handle is None:
            return True
        return is_past(handle, now) or (not self.ticket_kind and handle.reset_key not in running)


def is_past(handle: Handle, now: datetime) -> bool:
    """Tell whether a claim's own execution should long have ended it."""
    return now > handle.expires_at + GRACE


def leftovers(names: Iterable[str]) -> list[Leftover]:
    """Return what parameters of those names belong to, each once, those of one user together."""
    found: set[tuple[str, str]] = set()
    for name in names:
        *_, top, folder, last = ("", "", *name.split("/"))
        if handle := Handle.parse(folder):
            found.add((handle.user_key, folder))
        elif last == "lock":
            found.add((folder, last))
        elif top in TicketKind and Handle.parse(last):
            found.add((folder, f"{top}/{last}"))
    return [Leftover(*each) for each in sorted(found)]


def in_batches(found: Iterable[Leftover], size: int) -> list[list[str]]:
    """Return leftovers as texts in batches of about `size`, never one user's in two of them."""
    users = [list(each) for _, each in groupby(found, key=lambda leftover: leftover.user_key)]
    return [
        [str(leftover) for user in batch for leftover in user] for batch in batched(users, size, strict=False)
    ]


def running_keys(names: Iterable[str]) -> frozenset[str]:
    """Return the reset keys of executions of those names."""
    return frozenset(reset_key(name) for name in names)
