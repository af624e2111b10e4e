"""How a run counts days: from one daily run to the next, at the same local time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self


@dataclass(frozen=True, slots=True)
class RunWindow:
    """The moment `at` that a run counts from, in UTC to the second, and the time zone of its days.

    A day ends at the same local time of the next day, after 23 or 25 hours where clocks change. So each
    moment lies a given number of days ahead of exactly one of the daily runs.
    """

    at: datetime
    zone: tzinfo

    @classmethod
    def of(cls, at: datetime, zone: tzinfo) -> Self:
        """Return the window of a run that counts from `at`."""
        return cls(at.astimezone(UTC).replace(microsecond=0), zone)

    def days_left(self, expires_at: datetime) -> int:
        """Return the whole days until a moment; -1 while it is less than a day past, and so on."""
        here = self.at.astimezone(self.zone)
        days = (expires_at.astimezone(self.zone).date() - here.date()).days
        same_time = datetime.combine(here.date() + timedelta(days), here.time(), self.zone)
        return days if expires_at >= same_time.astimezone(UTC) else days - 1
