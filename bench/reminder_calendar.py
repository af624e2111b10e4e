"""400 days of reminders: who is warned in time, by this product's rule and by two that keep no state.

`python -m bench.reminder_calendar` draws the table in docs/performance.md. Only rules run here, through a
calendar made of a seed: outages, runs that stop half-way and are repeated, clock changes, policies that get
shorter and longer, people who join, leave and are renamed.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from zlib import crc32
from zoneinfo import ZoneInfo

from bench.report import DOCUMENT, draw, table
from latchkey.domain.accounts import Account
from latchkey.domain.reminders import Outcome, classify, thresholds
from latchkey.domain.run_window import RunWindow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DAY: Final = timedelta(days=1)
_FIRST: Final = date(2026, 1, 1)
_AT: Final = time(6)
#: The longest reminder comes 15 days ahead, the latest a fortnight after the expiry.
_NEAR: Final = 17 * _DAY

BEFORE: Final = (15, 7, 1)
_LAST_DAYS: Final = 7
#: Shares of the runs that stop half-way, of these that are repeated, and of runs that an outage follows.
_STOP, _REPEATED, _OUTAGE = 0.04, 0.5, 0.03
#: Shares of the people who join, leave and are renamed, and of passwords that are changed in time.
_JOIN, _LEAVE, _RENAMED, _IN_TIME = 0.2, 0.1, 0.2, 2 / 3
ZONES: Final = ("Europe/Berlin", "Australia/Sydney", "Pacific/Honolulu")
DAYS: Final = 400
PEOPLE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was scheduled for a moment, began a little later, and reached a share of all people."""

    window: RunWindow
    began_at: datetime
    share: float

    def reaches(self, account: Account) -> bool:
        """Tell whether the run got to an account before it stopped."""
        return crc32(f"{account.id} {self.began_at}".encode()) < self.share * 2**32


class Known(NamedTuple):
    """A stretch of time in which a source tells the same expiry of an account."""

    since: datetime
    until: datetime
    account: Account
    expires_at: datetime


class Rule(Protocol):
    """Whom a run mails."""

    def mails(self, run: Run, account: Account, expires_at: datetime) -> int | None:
        """Return the days ahead of the mail that an account gets in a run, None for no mail."""


class Thresholds:
    """The product's rule, and its record of what was sent."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        self._days = thresholds(",".join(map(str, BEFORE)), "0,3,7")
        self._sent: set[str] = set()

    def mails(self, run: Run, account: Account, expires_at: datetime) -> int | None:  # noqa: ARG002
        """Return the threshold that the account has reached, once."""
        row = classify(account, run.window, self._days)
        if row.outcome is not Outcome.DUE or row.reminder.key in self._sent:
            return None
        self._sent.add(row.reminder.key)
        return row.reminder.threshold


class DayInUtc:
    """The rule of FreeIPA's EPN: the password expires on the day, in UTC, that lies so far ahead.

    https://github.com/freeipa/freeipa, ipaclient/install/ipa_epn.py: a range of one day that ends so many
    days after the last midnight.
    """

    def mails(self, run: Run, account: Account, expires_at: datetime) -> int | None:  # noqa: ARG002
        """Return the days after midnight that end the expiry's day."""
        midnight = run.began_at.replace(hour=0, minute=0, second=0, microsecond=0)
        days = -((midnight - expires_at) // _DAY)
        return days if days in BEFORE else None


class DaysFromNow:
    """The rule of PasswordSolution, in PowerShell: so many times 24 hours are left, cut off to whole days.

    https://github.com/EvotecIT/PasswordSolution: `$User.DaysToExpire -in $Rule.Reminders`.
    """

    def mails(self, run: Run, account: Account, expires_at: datetime) -> int | None:  # noqa: ARG002
        """Return the whole days from the moment the script runs."""
        days = int((expires_at - run.began_at) / _DAY)
        return days if days in BEFORE else None


@dataclass
class Tally:
    """What a rule did in a calendar; `mails` before the expiry, `told_after` of those who let it expire."""

    expired: int = 0
    warned: int = 0
    mails: int = 0
    duplicates: int = 0
    told_after: int = 0

    def add(self, other: Tally) -> None:
        """Count another calendar in."""
        for name, number in vars(other).items():
            setattr(self, name, getattr(self, name) + number)


@dataclass
class Calendar:
    """A calendar made of a seed: its runs, and what the sources tell of each person and when."""

    zone: str
    people: int
    days: int
    seed: int
    runs: list[Run] = field(init=False)
    policies: list[tuple[datetime, timedelta]] = field(init=False)

    def __post_init__(self) -> None:
        """Draw the runs and the policies."""
        self._chance = Random(self.seed)  # noqa: S311  # no secret
        self.runs = list(self._draw_runs())
        self.policies = [
            (self._moment(day), timedelta(days=age)) for day, age in ((-200, 90), (150, 60), (270, 90))
        ]

    def known(self) -> Iterator[list[Known]]:
        """Yield what is known of each person, in order of time."""
        for number in range(self.people):
            yield list(self._life(f"{number:06}"))

    def _moment(self, day: float) -> datetime:
        begin = datetime.combine(_FIRST, _AT, ZoneInfo(self.zone)).astimezone(UTC)
        return begin + timedelta(seconds=int(day * 86_400))

    def _draw_runs(self) -> Iterator[Run]:
        """Draw a run a day but for outages of up to a week; of those that stop half-way some are repeated."""
        zone, missed = ZoneInfo(self.zone), 0
        for day in range(self.days):
            if missed:
                missed -= 1
                continue
            at = datetime.combine(_FIRST + day * _DAY, _AT, zone)
            began_at = at.astimezone(UTC) + timedelta(seconds=self._chance.randrange(900))
            stops = self._chance.random() < _STOP
            yield Run(RunWindow.of(at, zone), began_at, self._chance.random() if stops else 1)
            if stops and self._chance.random() < _REPEATED:
                again = began_at + timedelta(hours=self._chance.uniform(1, 12))
                yield Run(RunWindow.of(again, zone), again, 1)
            elif not stops and self._chance.random() < _OUTAGE:
                missed = self._chance.randint(1, 7)

    def _life(self, id_: str) -> Iterator[Known]:
        """Yield the expiries of one person, who joins, is renamed and leaves as chance has it."""
        chance = Random(f"{self.seed} {id_}")  # noqa: S311  # no secret
        joined = self._moment(chance.uniform(0, self.days) if chance.random() < _JOIN else -1)
        left = self._moment(chance.uniform(0, self.days) if chance.random() < _LEAVE else self.days)
        renamed = self._moment(chance.uniform(0, self.days) if chance.random() < _RENAMED else self.days)
        set_at = joined - timedelta(seconds=chance.randrange(89 * 86_400))
        while set_at < left:
            until = min(left, self._changed_at(set_at, chance))
            marks = [set_at, joined, renamed, until, *(since for since, _ in self.policies)]
            for since, end in pairwise(
                sorted(each for each in set(marks) if max(set_at, joined) <= each <= until)
            ):
                age = [age for from_, age in self.policies if from_ <= since][-1]
                name = f"{id_}-renamed" if since >= renamed else id_
                account = Account("directory", id_, name, set_at + age, mail=f"{name}@example.com")
                yield Known(since, end, account, set_at + age)
            set_at = until

    def _changed_at(self, set_at: datetime, chance: Random) -> datetime:
        """Return when a person changes a password: most in time, a third only once it has expired."""
        age = [age for since, age in self.policies if since <= set_at][-1]
        share = chance.uniform(0.3, 1) if chance.random() < _IN_TIME else chance.uniform(1, 1.3)
        return set_at + timedelta(seconds=int(share * age.total_seconds()))


def tally(rule: Rule, calendar: Calendar) -> Tally:
    """Take a rule through a calendar."""
    counts = Tally()
    for life in calendar.known():
        sent: Counter[tuple[datetime, int]] = Counter()
        in_time: set[datetime] = set()
        after: set[datetime] = set()
        could: set[datetime] = set()
        for each in life:
            for run in near(calendar.runs, each):
                if not run.reaches(each.account):
                    continue
                left = run.window.days_left(each.expires_at)
                if 0 <= left <= _LAST_DAYS:
                    could.add(each.expires_at)
                days = rule.mails(run, each.account, each.expires_at)
                if days is None:
                    continue
                sent[each.expires_at, days] += 1
                if days < 0:
                    after.add(each.expires_at)
                elif 0 <= left <= _LAST_DAYS:
                    in_time.add(each.expires_at)
        expired = {each.expires_at for each in life if each.since <= each.expires_at < each.until} & could
        counts.expired += len(expired)
        counts.warned += len(expired & in_time)
        counts.told_after += len(expired & after)
        counts.mails += sum(number for (_, days), number in sent.items() if days >= 0)
        counts.duplicates += sum(number - 1 for number in sent.values())
    return counts


def near(runs: Sequence[Run], known: Known) -> Sequence[Run]:
    """Return the runs at which an expiry is known and not far away."""
    since, until = max(known.since, known.expires_at - _NEAR), min(known.until, known.expires_at + _NEAR)
    return runs[bisect_left(runs, since, key=_at) : bisect_left(runs, until, key=_at)]


def _at(run: Run) -> datetime:
    return run.window.at


def compare(people: int, days: int, seed: int = 1) -> dict[str, Tally]:
    """Return what each rule does in the same calendars, one for each time zone."""
    found = {"Latchkey": Tally(), "FreeIPA EPN": Tally(), "PasswordSolution": Tally()}
    for number, zone in enumerate(ZONES):
        calendar = Calendar(zone, people // len(ZONES), days, seed + number)
        rules: tuple[Rule, ...] = (Thresholds(), DayInUtc(), DaysFromNow())
        for name, rule in zip(found, rules, strict=True):
            found[name].add(tally(rule, calendar))
    return found


def main() -> None:
    """Draw the table."""
    rows = [
        [
            name,
            f"{each.expired:,}",
            f"{each.warned / each.expired:.2%}",
            f"{each.expired - each.warned:,}",
            f"{each.duplicates:,}",
            f"{each.mails:,}",
            f"{each.told_after:,}",
        ]
        for name, each in compare(PEOPLE, DAYS).items()
    ]
    head = [
        "rule",
        "passwords that expired",
        "warned in the last 7 days",
        "not warned",
        "mailed twice",
        "mails before",
        "told after",
    ]
    DOCUMENT.write_text(draw(DOCUMENT.read_text("utf-8"), {"calendar": table(head, rows)}), "utf-8")
    sys.stdout.write(f"{table(head, rows)}\n")


if __name__ == "__main__":
    main()
