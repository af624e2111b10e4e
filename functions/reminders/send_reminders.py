"""SendReminders: mails one batch of reminders, each user once, and notes each outcome."""

import os
import time
from collections import Counter
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from latchkey import emails, settings
from latchkey.adapters import s3
from latchkey.adapters.reminder_idempotency import ReminderIdempotency, sent_by
from latchkey.adapters.smtp_client import Pacer, SmtpClient
from latchkey.adapters.smtp_secret import current_credentials
from latchkey.domain.accounts import Account, Expiry, unforeseen
from latchkey.domain.manager_summary import ManagerSummary, read_mail
from latchkey.domain.reminders import Outcome, Reminder, ReportRow
from latchkey.domain.request_links import request_link
from latchkey.emails.messages import Envelope, compose
from latchkey.errors import (
    BatchUnfinishedError,
    LatchkeyError,
    RecipientRefusedError,
    ReminderInProgressError,
)
from latchkey.handler import task_handler
from latchkey.languages.times import Each, InDays, Value
from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

#: How long the last mail's retries and storing the results may take.
_RESERVE_MILLISECONDS = 90_000


type ReminderMail = Reminder | ManagerSummary
"""What a batch holds: one mail each."""


class Event(TypedDict):
    execution: str
    batch: str
    per_second: float
    test: bool


class Result(TypedDict):
    mailed: int


@task_handler
def handler(event: Event, context: "LambdaContext") -> Result:
    mails = [read_mail(line) for line in s3.read_lines(event["batch"])]
    with (
        SmtpClient(current_credentials, Pacer(event["per_second"])) as client,
        nullcontext() if event["test"] else record_of(event, context, mails) as record,
    ):
        batch = Batch(event, context, client, record)
        rows = list(batch.send(mails))
    s3.write_lines(s3.result_key(event["batch"]), (row.as_json() for row in rows))
    mailed = Counter(row.outcome for row in rows)[Outcome.MAILED]
    if batch.failure:
        raise batch.failure
    return {"mailed": mailed}


def record_of(event: Event, context: "LambdaContext", mails: "list[ReminderMail]") -> ReminderIdempotency:
    """Return the record of what this invocation sends."""
    left = context.get_remaining_time_in_millis() / 1000
    keys = (each.key for mail in mails for each in mail.reminders)
    return ReminderIdempotency(event["execution"], keys, time.time() + left)


@dataclass
class Batch:
    """A batch in progress; `record` is None in a test run, `failure` the error the state ends with."""

    event: Event
    context: "LambdaContext"
    client: SmtpClient
    record: ReminderIdempotency | None
    failure: LatchkeyError | None = None

    def send(self, mails: "list[ReminderMail]") -> "Iterator[ReportRow]":
        """Send one after the other; an error that ends the batch leaves the rest unsent, with the reason."""
        for done, mail in enumerate(mails, start=1):
            try:
                self._check_time()
                row = self._send_once(mail)
            except RecipientRefusedError as error:
                row = mail.row(Outcome.FAILED, str(error))
                logger.warning("Not taken: %s: %s", mail.recipient.id, error)
            except ReminderInProgressError as error:
                row = mail.row(Outcome.NOT_SENT, str(error))
                self.failure = error
            except LatchkeyError as error:
                reason = f"{type(error).__name__}: {error}"
                self.failure = error
                yield mail.row(Outcome.NOT_SENT, reason)
                yield from self._left(mails[done:], reason)
                return
            except Exception as error:  # a reminder's bad data fails that reminder alone
                row = mail.row(Outcome.NOT_SENT, unforeseen(error))
                logger.exception("Could not remind %s.", mail.recipient.id)
            yield row

    def _left(self, mails: "list[ReminderMail]", reason: str) -> "Iterator[ReportRow]":
        """Yield the rows of the mails not reached: not sent, unless an earlier try or run sent them."""
        runs: dict[str, str] = {}
        if self.record:
            # Without an answer they count as not sent: the error that ends the batch is the one to tell.
            with suppress(LatchkeyError):
                runs = sent_by(each.key for mail in mails for each in mail.reminders)
        for mail in mails:
            sent = [runs.get(each.key, "") for each in mail.reminders]
            yield self._sent(mail, sent[0]) if all(sent) else mail.row(Outcome.NOT_SENT, reason)

    def _check_time(self) -> None:
        if self.context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS:
            raise BatchUnfinishedError("Time ran out before the batch was done.")

    def _send_once(self, mail: ReminderMail) -> ReportRow:
        if self.record is None:
            self._send(mail)
            return mail.row(Outcome.MAILED, f"to {os.environ['ADMIN_ADDRESS']}, as a test")
        runs = [self.record.claim(each.key) for each in mail.reminders]
        if all(runs):
            return self._sent(mail, runs[0] or "")
        self._send(mail)
        for reminder in mail.reminders:
            self.record.mark_sent(reminder.key)
        return mail.row(Outcome.MAILED)

    def _sent(self, mail: ReminderMail, run: str) -> ReportRow:
        if run == self.event["execution"]:
            return mail.row(Outcome.MAILED)
        return mail.row(Outcome.ALREADY_MAILED, f"by {run}")

    def _send(self, mail: ReminderMail) -> None:
        recipient, sender = mail.recipient, os.environ["SENDER_ADDRESS"]
        # Only the stack's own administrator may learn about others.
        to = os.environ["ADMIN_ADDRESS"] if self.event["test"] else recipient.mail
        name, values = about(mail)
        message = compose(
            emails.render(name, values, recipient.language, settings.style()),
            Envelope(sender, os.environ["ADMIN_ADDRESS"] or sender, to, recipient.name, mail.key),
        )
        self.client.send(message, sender, to)


def about(mail: ReminderMail) -> tuple[str, dict[str, Value]]:
    """Return the name of a mail's text, and what is filled in."""
    if isinstance(mail, ManagerSummary):
        return "manager_summary", {"people": Each(tuple(map(line, mail.reminders)))}
    account = mail.account
    if isinstance(account.expires_at, Expiry):
        raise TypeError("the password of a reminder does not expire")
    return "password_expired" if mail.has_expired else "reminder", {
        "user": account.user,
        "in_days": InDays(mail.days_left),
        "expires_at": account.expires_at,
        "link": link_for(account),
    }


def line(reminder: Reminder) -> tuple[str, InDays]:
    """Return what a manager is told about one of their people."""
    account = reminder.account
    named = f"{account.name} ({account.user})" if account.name else account.user
    return named, InDays(reminder.days_left)


def link_for(account: Account) -> str:
    """Return where the user of an account gets a new password; empty where no page would give one."""
    directory = account.source == "directory"
    if directory and os.environ["DIRECTORY_PASSWORD_URL"]:
        return os.environ["DIRECTORY_PASSWORD_URL"]
    if not account.resettable:
        return ""
    return request_link(os.environ["REQUEST_PAGE"], user=account.user, directory=directory)
