"""PlanReminders: finds who is due today, in batches for the senders, and why all others are not."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from latchkey.adapters import s3, ses
from latchkey.domain.reminders import (
    TEST_IS_FULL,
    TEST_MAILS,
    Account,
    Expiry,
    Outcome,
    Reminder,
    ReportRow,
    RunWindow,
    classify,
    notify_days,
    time_zone,
    unforeseen,
)
from latchkey.handler import task_handler
from latchkey.observability import logger

#: Senders at once, as in the definition's MaxConcurrency.
SENDERS = 5

#: Share of SES's rate; the rest is for resets and for all else the account sends.
_SHARE = 0.8

#: How long a batch takes at its pace, and the most of it: a sender has 5 minutes, retries included.
_BATCH_SECONDS = 100
_LARGEST_BATCH = 500


class Source(TypedDict, total=False):
    source: str
    list: str


class Event(TypedDict):
    execution: str
    moment: str
    user: str
    mode: str
    sources: list[Source]


class Response(TypedDict):
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
    answers: list[Response]


@task_handler
def handler(event: Event, _context: object) -> Result:
    moment = RunWindow.of(
        datetime.fromisoformat(event["moment"]), time_zone(os.environ["REMINDER_TIME_ZONE"])
    )
    days = notify_days(os.environ["NOTIFY_DAYS"])
    lists = [source["list"] for source in event["sources"] if "list" in source]
    if event["user"]:
        answers = [answer(each, moment, days) for each in accounts(lists)]
        return {"due": 0, "batches": "", "per_second": 0, "answers": answers}
    rate = float(os.environ["SEND_RATE"]) or _SHARE * ses.send_rate()
    plan = Plan(
        s3.folder(event["execution"]), batch_size(rate), TEST_MAILS if event["mode"] == "test" else None
    )
    plan.store(accounts(lists), moment, days)
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


def answer(account: Account, moment: RunWindow, days: tuple[int, ...]) -> Response:
    """Say how long a user has, by which policy, and what a run would do now."""
    outcome, _ = classify(account, moment, days)
    expires_at = account.expires_at
    days_left = None if isinstance(expires_at, Expiry) else moment.days_left(expires_at)
    return {
        "source": account.source,
        "user": account.user,
        "expires": expires_at.value if isinstance(expires_at, Expiry) else expires_at.isoformat(),
        "days_left": days_left,
        "policy": account.policy,
        "would_be_mailed": outcome is Outcome.DUE,
        "because": outcome.value,
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
    _batch: list[Reminder] = field(default_factory=list)

    @property
    def batches_key(self) -> str:
        """Where the list of batches is, for the Map."""
        return f"{self.folder}/batches.json"

    def store(self, listed: Iterator[Account], moment: RunWindow, days: tuple[int, ...]) -> None:
        """Store what to do about all users on the lists, with at most a batch of them in memory."""
        s3.write_lines(f"{self.folder}/others.jsonl", self._others(listed, moment, days))
        self._store_batch()
        s3.write_json(self.batches_key, self.batches)
        s3.write_json(f"{self.folder}/counts.json", self._counts)

    def _others(
        self, listed: Iterator[Account], moment: RunWindow, days: tuple[int, ...]
    ) -> Iterator[dict[str, object]]:
        for account in listed:
            reason = account.problem
            try:
                outcome, ahead = classify(account, moment, days)
            except Exception as error:  # an account's bad data fails that account alone
                logger.exception("Could not plan for %s.", account.id)
                outcome, ahead, reason = Outcome.NOT_SENT, 0, unforeseen(error)
            if outcome is Outcome.DUE:
                if self.most is None or self.due < self.most:
                    self._add(Reminder(account, ahead))
                    continue
                outcome, reason = Outcome.NOT_SENT, TEST_IS_FULL
            if outcome is Outcome.FAILED:
                reason = reason or "the source does not tell when the password expires"
            if outcome is Outcome.NOT_DUE:
                self._counts[outcome] += 1
            else:
                yield ReportRow(Reminder(account, ahead), outcome, reason).as_json()

    def _add(self, reminder: Reminder) -> None:
        self._batch.append(reminder)
        self.due += 1
        if len(self._batch) == self.batch_size:
            self._store_batch()

    def _store_batch(self) -> None:
        if self._batch:
            key = f"{self.folder}/batches/{len(self.batches):05}.jsonl"
            s3.write_lines(key, (each.as_json() for each in self._batch))
            self.batches.append({"batch": key})
            self._batch.clear()
