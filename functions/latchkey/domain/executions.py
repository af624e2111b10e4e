"""Executions of a state machine, and which of several at once may go on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class Execution:
    """An execution; in order of their start."""

    started_at: datetime
    arn: str

    @property
    def name(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition(":")[2]


def earlier(own_arn: str, running: Collection[Execution]) -> Execution | None:
    """Return the running execution that takes precedence over this one, if any.

    Of several that started together exactly one finds none before it.
    """
    first = min(running, default=None)
    return first if first and first.arn != own_arn else None
