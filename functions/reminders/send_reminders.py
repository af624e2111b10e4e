"""SendReminders: mails one batch of reminders, each user once, and notes each outcome."""

import os
import time
from collections import Counter
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import quote

from latchkey import emails, settings
from latchkey.adapters import s3
from latchkey.adapters.reminder_idempotency import ReminderIdempotency, sent_by
from latchkey.adapters.smtp_client import Pacer, SmtpClient
from latchkey.adapters.smtp_secret import current_credentials
from latchkey.domain.accounts import Expiry, unforeseen
from latchkey.domain.reminders import Outcome, Reminder, ReportRow
from latchkey.emails.messages import Envelope, compose
from latchkey.errors import (
    BatchUnfinishedError,
    LatchkeyError,
    RecipientRefusedError,
    ReminderInProgressError,
)
from latchkey.handler import task_handler
from latchkey.languages.times import InDays, Value
from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

#: How long the last mail's retries and storing the results may take.
_RESERVE_MILLISECONDS = 90_000


class Event(TypedDict):
    execution: str
    batch: str
    per_second: float
    test: bool


class Result(TypedDict):
    mailed: int


@task_handler
def handler(event: Event, context: "LambdaContext") -> Result:
    reminders = [Reminder.from_json(line) for line in s3.read_lines(event["batch"])]
    with (
        SmtpClient(current_credentials, Pacer(event["per_second"])) as client,
        nullcontext() if event["test"] else record_of(event, context, reminders) as record,
    ):
        batch = Batch(event, context, client, record)
        rows = list(batch.send(reminders))
    s3.write_lines(s3.result_key(event["batch"]), (row.as_json() for row in rows))
    mailed = Counter(row.outcome for row in rows)[Outcome.MAILED]
    if batch.failure:
        raise batch.failure
    return {"mailed": mailed}


def record_of(event: Event, context: "LambdaContext", reminders: "list[Reminder]") -> ReminderIdempotency:
    """Return the record of what this invocation sends."""
    left = context.get_remaining_time_in_millis() / 1000
    return ReminderIdempotency(event["execution"], (each.key for each in reminders), time.time() + left)


@dataclass
class Batch:
    """A batch in progress; `record` is None in a test run, `failure` the error the state ends with."""

    event: Event
    context: "LambdaContext"
    client: SmtpClient
    record: ReminderIdempotency | None
    failure: LatchkeyError | None = None

    def send(self, reminders: list[Reminder]) -> "Iterator[ReportRow]":
        """Send one after the other; an error that ends the batch leaves the rest unsent, with the reason."""
        for done, reminder in enumerate(reminders, start=1):
            try:
                self._check_time()
                row = self._remind(reminder)
            except RecipientRefusedError as error:
                row = ReportRow(reminder, Outcome.FAILED, str(error))
                logger.warning("Not taken: %s: %s", reminder.account.id, error)
            except ReminderInProgressError as error:
                row = ReportRow(reminder, Outcome.NOT_SENT, str(error))
                self.failure = error
            except LatchkeyError as error:
                row = ReportRow(reminder, Outcome.NOT_SENT, f"{type(error).__name__}: {error}")
                self.failure = error
                yield row
                yield from self._left(reminders[done:], row.reason)
                return
            except Exception as error:  # a reminder's bad data fails that reminder alone
                row = ReportRow(reminder, Outcome.NOT_SENT, unforeseen(error))
                logger.exception("Could not remind %s.", reminder.account.id)
            yield row

    def _left(self, reminders: list[Reminder], reason: str) -> "Iterator[ReportRow]":
        """Yield the rows of the reminders not reached: not sent, unless an earlier try or run mailed them."""
        runs: dict[str, str] = {}
        if self.record:
            # Without an answer they count as not sent: the error that ends the batch is the one to tell.
            with suppress(LatchkeyError):
                runs = sent_by(each.key for each in reminders)
        for reminder in reminders:
            run = runs.get(reminder.key)
            yield self._mailed(reminder, run) if run else ReportRow(reminder, Outcome.NOT_SENT, reason)

    def _check_time(self) -> None:
        if self.context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS:
            raise BatchUnfinishedError("Time ran out before the batch was done.")

    def _remind(self, reminder: Reminder) -> ReportRow:
        if self.record is None:
            self._mail(reminder)
            return ReportRow(reminder, Outcome.MAILED, f"to {os.environ['ADMIN_ADDRESS']}, as a test")
        run = self.record.claim(reminder.key)
        if run is None:
            self._mail(reminder)
            self.record.mark_sent(reminder.key)
            run = self.event["execution"]
        return self._mailed(reminder, run)

    def _mailed(self, reminder: Reminder, run: str) -> ReportRow:
        if run == self.event["execution"]:
            return ReportRow(reminder, Outcome.MAILED)
        return ReportRow(reminder, Outcome.ALREADY_MAILED, f"by {run}")

    def _mail(self, reminder: Reminder) -> None:
        account, sender = reminder.account, os.environ["SENDER_ADDRESS"]
        # Only the stack's own administrator may learn about others.
        to = os.environ["ADMIN_ADDRESS"] if self.event["test"] else account.mail
        message = compose(
            emails.render("reminder", self._values(reminder), account.language, settings.style()),
            Envelope(sender, os.environ["ADMIN_ADDRESS"] or sender, to, account.name, reminder.key),
        )
        self.client.send(message, sender, to)

    def _values(self, reminder: Reminder) -> dict[str, Value]:
        account = reminder.account
        if isinstance(account.expires_at, Expiry):
            raise TypeError("the password of a reminder does not expire")
        own = f"{os.environ['BASE_URL']}/generate?user={quote(account.user, safe='@')}"
        elsewhere = os.environ["DIRECTORY_PASSWORD_URL"] if account.source == "directory" else ""
        return {
            "user": account.user,
            "in_days": InDays(reminder.days_left),
            "expires_at": account.expires_at,
            "link": elsewhere or own,
        }
