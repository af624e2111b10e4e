"""What becomes of a reset that is past its time."""

from enum import Enum

from latchkey.domain.resets import Phase, Reset


class Fate(Enum):
    """What the cleanup does with a reset that is due."""

    LEFT = "its own steps are at work"
    STOPPED = (
        "its execution hangs: it is stopped now, and undone by the next cleanup, when no step of it can run"
    )
    UNDONE = "its execution is over"


def fate(reset: Reset, *, running: bool) -> Fate:
    """Decide what to do with a reset that is due, by whether its execution still runs."""
    if not running:
        return Fate.UNDONE
    return Fate.STOPPED if reset.phase in {Phase.STORED, Phase.WAITING} else Fate.LEFT
