"""Who is reminded in a run, of which threshold, and what happens to all others."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from latchkey.domain.accounts import Account, Expiry
from latchkey.domain.run_window import RunWindow

#: How many days late a mail after the expiry may still come. Who is already locked out when a stack is
#: deployed, or after years, is told nothing.
_LATEST = 7


class Outcome(StrEnum):
    """What a run found about an account, or did for it; the words of the report."""

    DUE = "due"
    NOT_DUE = "not due"
    MAILED = "mailed"
    ALREADY_MAILED = "already mailed"
    WITHOUT_MAIL = "without mail"
    EXCLUDED = "excluded"
    ACCOUNT_EXPIRED = "account expired"
    SMART_CARD = "signs in by smart card"
    EXPIRED = "already expired"
    MUST_CHANGE = "must change at next sign-in"
    NEVER_EXPIRES = "never expires"
    FAILED = "failed"
    NOT_SENT = "not sent"
    MANAGER_TOLD = "manager told"
    MANAGER_NOT_TOLD = "manager not told"


#: Accounts that sign in by a password with an expiry that lies ahead.
EXPIRING = frozenset({Outcome.DUE, Outcome.NOT_DUE, Outcome.ALREADY_MAILED, Outcome.WITHOUT_MAIL})

_WITHOUT_TIME = {
    Expiry.NEVER: Outcome.NEVER_EXPIRES,
    Expiry.MUST_CHANGE: Outcome.MUST_CHANGE,
    Expiry.UNKNOWN: Outcome.FAILED,
}


@dataclass(frozen=True, slots=True)
class Reminder:
    """A mail about a password: the days left, 0 where it has no expiry, and the threshold they reached."""

    account: Account
    days_left: int = 0
    threshold: int | None = None
    to_manager: bool = False

    @property
    def recipient(self) -> Account:
        """Who gets the mail."""
        return self.account

    @property
    def reminders(self) -> tuple[Self]:
        """What is recorded once the mail is sent."""
        return (self,)

    @property
    def has_expired(self) -> bool:
        """Whether the password has expired, so that the mail tells the way in and does not warn."""
        return self.days_left < 0

    @property
    def key(self) -> str:
        """The key of the record that it was sent: a hash of user, expiry, threshold and who was told."""
        account = self.account
        parts = [account.source, account.id, str(account.expires_at), str(self.threshold)]
        text = "\n".join([*parts, "manager"] if self.to_manager else parts)
        return hashlib.sha256(text.encode()).hexdigest()

    def row(self, outcome: Outcome, reason: str = "") -> "ReportRow":
        """Return the account's row of the report."""
        return ReportRow(self, outcome, reason)

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "account": self.account.as_json(),
            "days_left": self.days_left,
            "threshold": self.threshold,
            "to_manager": self.to_manager,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned."""
        account = Account.from_json(value["account"])
        return cls(account, value["days_left"], value["threshold"], value["to_manager"])


@dataclass(frozen=True, slots=True)
class ReportRow:
    """What a run did about an account, and why, for the report; `reason` may be empty."""

    reminder: Reminder
    outcome: Outcome
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {**self.reminder.as_json(), "outcome": self.outcome.value, "reason": self.reason}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned."""
        return cls(Reminder.from_json(value), Outcome(value["outcome"]), value["reason"])


def thresholds(before: str, after: str = "") -> tuple[int, ...]:
    """Read the days on which people are told, `15,7,1` before the expiry and `0,3,7` after it.

    Returns them as days left, longest first: the day after the expiry has -1 left.
    """
    days = {int(each) for each in before.split(",") if each}
    days |= {-1 - int(each) for each in after.split(",") if each}
    return tuple(sorted(days, reverse=True))


def reached(days_left: int, days: Collection[int]) -> int | None:
    """Return the nearest threshold that a password has reached, None where it has reached none.

    Since a reminder is sent once for a threshold, it does not matter whether this was reached today, on days
    without a run, or at once: by a new account, or a policy that became shorter. A password that has expired
    is past the thresholds before it.
    """
    if days_left < 0:
        days = [each for each in days if each < 0 and each - days_left <= _LATEST]
    return min((each for each in days if each >= days_left), default=None)


def classify(account: Account, window: RunWindow, days: Collection[int]) -> ReportRow:
    """Return what to do about an account: whom to remind, or why not.

    Args:
        account: whose password it is.
        window: the moment of the run.
        days: the thresholds.
    """
    expires_at = account.expires_at
    left = 0 if isinstance(expires_at, Expiry) else window.days_left(expires_at)
    reminder = Reminder(account, left)
    if account.excluded:
        return ReportRow(reminder, Outcome.EXCLUDED)
    if account.account_expires_at and account.account_expires_at <= window.at:
        return ReportRow(reminder, Outcome.ACCOUNT_EXPIRED)
    if account.smart_card:
        return ReportRow(reminder, Outcome.SMART_CARD)
    if isinstance(expires_at, Expiry):
        unknown = "the source does not tell when the password expires" if expires_at is Expiry.UNKNOWN else ""
        return ReportRow(reminder, _WITHOUT_TIME[expires_at], account.problem or unknown)
    reminder = Reminder(account, left, reached(left, days))
    if reminder.threshold is None:
        return ReportRow(reminder, Outcome.EXPIRED if left < 0 else Outcome.NOT_DUE)
    return ReportRow(reminder, Outcome.DUE if account.mail else Outcome.WITHOUT_MAIL)
