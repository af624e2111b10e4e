"""What a reset may leave behind, and when nobody looks after it any more."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, groupby

from latchkey.claims import Handle, reset_key

#: How long after its time a claim is left to its own execution, which needs seconds.
GRACE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Leftover:
    """A claim with or without its token, or a lock, by the last two parts of its parameters' names."""

    user_key: str
    name: str

    @property
    def handle(self) -> Handle | None:
        """The claim's handle; None for a lock."""
        return Handle.parse(self.name)

    def is_suspect(self, running: Collection[str], now: datetime) -> bool:
        """Tell whether it is worth a closer look: its time is over, or its execution seems to be.

        Args:
            running: the reset keys of the executions that run now.
            now: the present time.
        """
        handle = self.handle
        return handle is None or handle.reset_key not in running or is_past(handle, now)


def is_past(handle: Handle, now: datetime) -> bool:
    """Tell whether a claim's own execution should long have ended it."""
    return now > handle.expires_at + GRACE


def leftovers(names: Iterable[str]) -> list[Leftover]:
    """Return what parameters of those names belong to, each once, those of one user together."""
    found: set[tuple[str, str]] = set()
    for name in names:
        *_, folder, kind = name.split("/")
        if handle := Handle.parse(folder):
            found.add((handle.user_key, folder))
        elif kind == "lock":
            found.add((folder, kind))
    return [Leftover(*each) for each in sorted(found)]


def in_batches(found: Iterable[Leftover], size: int) -> list[list[str]]:
    """Return leftovers as texts in batches of about `size`, never one user's in two of them."""
    users = [list(each) for _, each in groupby(found, key=lambda leftover: leftover.user_key)]
    return [
        [f"{leftover.user_key}/{leftover.name}" for user in batch for leftover in user]
        for batch in batched(users, size, strict=False)
    ]


def running_keys(names: Iterable[str]) -> frozenset[str]:
    """Return the reset keys of executions of those names."""
    return frozenset(reset_key(name) for name in names)
