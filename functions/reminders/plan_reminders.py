"""PlanReminders: finds who is due today, in batches for the senders, and why all others are not."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import batched
from typing import TypedDict

from latchkey.adapters import s3, ses
from latchkey.adapters.reminder_idempotency import sent_by
from latchkey.domain.accounts import Account, Expiry, unforeseen
from latchkey.domain.manager_summary import ManagerSummary, for_manager, named_managers, summaries
from latchkey.domain.reminders import EXPIRING, Outcome, Reminder, ReportRow, classify, thresholds
from latchkey.domain.run_page import CHART_DAYS
from latchkey.domain.run_report import TEST_IS_FULL, TEST_MAILS
from latchkey.domain.run_window import RunWindow
from latchkey.domain.time_zones import time_zone
from latchkey.handler import task_handler
from latchkey.observability import logger

#: Senders at once, as in the definition's MaxConcurrency.
SENDERS = 5

#: Share of SES's rate; the rest is for resets and for all else the account sends.
_SHARE = 0.8

#: How long a batch takes at its pace, and the most of it: a sender has 5 minutes, retries included.
_BATCH_SECONDS = 100
_LARGEST_BATCH = 500

#: So many accounts are in memory while it is looked up who of them was told.
_LOOKED_UP_AT_ONCE = 1000


class Source(TypedDict, total=False):
    source: str
    list: str


class Event(TypedDict):
    execution: str
    moment: str
    user: str
    mode: str
    sources: list[Source]


class UserStatus(TypedDict):
    """The answer to an operator who asks about one user."""

    source: str
    user: str
    expires: str
    days_left: int | None
    policy: str
    would_be_mailed: bool
    because: str


class Result(TypedDict):
    due: int
    batches: str
    per_second: float
    answers: list[UserStatus]


@task_handler
def handler(event: Event, _context: object) -> Result:
    lists = [source["list"] for source in event["sources"] if "list" in source]
    window = RunWindow.of(
        datetime.fromisoformat(event["moment"]), time_zone(os.environ["REMINDER_TIME_ZONE"])
    )
    days = thresholds(os.environ["NOTIFY_DAYS"], os.environ["NOTIFY_AFTER_DAYS"])
    found = rows(accounts(lists), window, days)
    if event["user"]:
        answers = [user_status(row) for row in unsent(found)]
        return {"due": 0, "batches": "", "per_second": 0, "answers": answers}
    rate = float(os.environ["SEND_RATE"]) or _SHARE * ses.send_rate()
    most = TEST_MAILS if event["mode"] == "test" else None
    plan = Plan(s3.folder(event["execution"]), batch_size(rate), most)
    # A test run sends again what was sent: it is there to be looked at.
    new = found if event["mode"] == "test" else unsent(found)
    plan.store(with_managers(new, lists, thresholds(os.environ["NOTIFY_MANAGER_DAYS"])))
    return {
        "due": plan.due,
        "batches": plan.batches_key,
        "per_second": rate / SENDERS,
        "answers": [],
    }


def batch_size(rate: float) -> int:
    """Return the size of a batch, at a rate of mails a second for all senders together."""
    return max(1, min(_LARGEST_BATCH, int(rate / SENDERS * _BATCH_SECONDS)))


def accounts(lists: list[str]) -> Iterator[Account]:
    """Yield all users on the lists."""
    for key in lists:
        yield from (Account.from_json(line) for line in s3.read_lines(key))


def rows(listed: Iterable[Account], window: RunWindow, days: Collection[int]) -> Iterator[ReportRow]:
    """Yield what to do about each account."""
    for account in listed:
        try:
            yield classify(account, window, days)
        except Exception as error:  # an account's bad data fails that account alone
            logger.exception("Could not plan for %s.", account.id)
            yield ReportRow(Reminder(account), Outcome.NOT_SENT, unforeseen(error))


def unsent(found: Iterable[ReportRow]) -> Iterator[ReportRow]:
    """Yield the rows; those of reminders that were sent before say by which run."""
    for some in batched(found, _LOOKED_UP_AT_ONCE, strict=False):
        runs = sent_by(row.reminder.key for row in some if row.outcome is Outcome.DUE)
        for row in some:
            run = runs.get(row.reminder.key) if row.outcome is Outcome.DUE else None
            yield replace(row, outcome=Outcome.ALREADY_MAILED, reason=f"by {run}") if run else row


def with_managers(
    found: Iterable[ReportRow], lists: list[str], days: Collection[int]
) -> Iterator[ReportRow | ManagerSummary]:
    """Yield the rows; then the mails to managers, and rows of the people whose managers are not told."""
    about: list[Reminder] = []
    for row in found:
        reminder = for_manager(row, days)
        if reminder:
            about.append(reminder)
        yield row
    runs = sent_by(each.key for each in about)
    about = [each for each in about if each.key not in runs]
    if about:
        yield from summaries(about, named_managers(about, accounts(lists)))


def user_status(row: ReportRow) -> UserStatus:
    """Say how long a user has, by which policy, and what a run would do now."""
    account, expires_at = row.reminder.account, row.reminder.account.expires_at
    return {
        "source": account.source,
        "user": account.user,
        "expires": expires_at.value if isinstance(expires_at, Expiry) else expires_at.isoformat(),
        "days_left": None if isinstance(expires_at, Expiry) else row.reminder.days_left,
        "policy": account.policy,
        "would_be_mailed": row.outcome is Outcome.DUE,
        "because": row.outcome.value,
    }


@dataclass
class Plan:
    """What a run is going to do, as it is stored: batches of reminders, and all others.

    `most` is how many mails the run may send; None for no limit.
    """

    folder: str
    batch_size: int
    most: int | None
    due: int = 0
    batches: list[dict[str, str]] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _expiries: Counter[int] = field(default_factory=Counter)
    _batch: list[Reminder | ManagerSummary] = field(default_factory=list)

    @property
    def batches_key(self) -> str:
        """Where the list of batches is, for the Map."""
        return f"{self.folder}/batches.json"

    def store(self, found: Iterable[ReportRow | ManagerSummary]) -> None:
        """Store what to do about all users on the lists, with at most a batch of them in memory."""
        s3.write_lines(f"{self.folder}/others.jsonl", self._others(found))
        self._store_batch()
        s3.write_json(self.batches_key, self.batches)
        expiries = [self._expiries[day] for day in range(CHART_DAYS)]
        s3.write_json(f"{self.folder}/counts.json", {"outcomes": self._counts, "expiries": expiries})

    def _others(self, found: Iterable[ReportRow | ManagerSummary]) -> Iterator[dict[str, object]]:
        for each in found:
            mail: Reminder | ManagerSummary
            if isinstance(each, ManagerSummary):
                row, mail = each.row(Outcome.DUE), each
            else:
                row, mail = each, each.reminder
            if row is each and row.outcome in EXPIRING:
                self._expiries[row.reminder.days_left] += 1
            if row.outcome is Outcome.NOT_DUE:
                self._counts[row.outcome] += 1
            elif row.outcome is not Outcome.DUE:
                yield row.as_json()
            elif self.due == self.most:
                yield replace(row, outcome=Outcome.NOT_SENT, reason=TEST_IS_FULL).as_json()
            else:
                self._add(mail)

    def _add(self, mail: Reminder | ManagerSummary) -> None:
        self._batch.append(mail)
        self.due += 1
        if len(self._batch) == self.batch_size:
            self._store_batch()

    def _store_batch(self) -> None:
        if self._batch:
            key = f"{self.folder}/batches/{len(self.batches):05}.jsonl"
            s3.write_lines(key, (each.as_json() for each in self._batch))
            self.batches.append({"batch": key})
            self._batch.clear()
