"""Who is reminded today: when passwords expire, how days are counted, and what happens to all others."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.zoneinfo import get_zonefile_instance

_DAY = timedelta(days=1)

#: Active Directory counts 100-nanosecond steps since 1601
#: (https://learn.microsoft.com/windows/win32/adschema/s-interval).
_TICKS_PER_SECOND = 10_000_000
_DIRECTORY_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)

#: What `msDS-UserPasswordExpiryTimeComputed` says instead of a time
#: (https://learn.microsoft.com/openspecs/windows_protocols/ms-adts, section 3.1.1.4.5.37).
_MUST_CHANGE_TICKS = 0
_NEVER_TICKS = 2**63 - 1


class Expiry(StrEnum):
    """What stands in place of a time where a password has none."""

    NEVER = "never"
    MUST_CHANGE = "must change"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What a run found about an account, or did for it; the words of the report."""

    DUE = "due"
    NOT_DUE = "not due"
    MAILED = "mailed"
    ALREADY_MAILED = "already mailed"
    WITHOUT_MAIL = "without mail"
    EXCLUDED = "excluded"
    EXPIRED = "already expired"
    MUST_CHANGE = "must change at next sign-in"
    NEVER_EXPIRES = "never expires"
    FAILED = "failed"
    NOT_SENT = "not sent"


_WITHOUT_TIME = {
    Expiry.NEVER: Outcome.NEVER_EXPIRES,
    Expiry.MUST_CHANGE: Outcome.MUST_CHANGE,
    Expiry.UNKNOWN: Outcome.FAILED,
}


def unforeseen(error: Exception) -> str:
    """Return what a report says of an unexpected error: its class, since its text may name a person."""
    return f"unforeseen {type(error).__name__}, see the log"


@dataclass(frozen=True, slots=True)
class Account:
    """A user with a password, as a source lists them.

    `id` names the account for good, `user` is its name today. `expires_at` is in UTC, to the second. `mail`,
    `name`, `language` and `manager` are empty where the source has none. `policy` is shown only to
    an operator who asks about one user. `problem` says why an entry of the source could not be read.
    """

    source: str
    id: str
    user: str
    expires_at: datetime | Expiry
    mail: str = ""
    name: str = ""
    language: str = ""
    manager: str = ""
    excluded: bool = False
    policy: str = ""
    problem: str = ""

    @classmethod
    def unreadable(cls, source: str, user: str, error: Exception) -> Self:
        """Return a stand-in for an entry that could not be read: it fails alone, and the report names it."""
        return cls(
            source, user, user, Expiry.UNKNOWN, problem=f"its entry could not be read: {unforeseen(error)}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        expires_at = self.expires_at
        return {
            **asdict(self),
            "expires_at": expires_at.value if isinstance(expires_at, Expiry) else expires_at.isoformat(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned; anything else becomes an unreadable account."""
        try:
            text = value["expires_at"]
            expires_at = Expiry(text) if text in Expiry else datetime.fromisoformat(text)
            return cls(**{**value, "expires_at": expires_at})
        except (KeyError, TypeError, ValueError) as error:
            return cls.unreadable(str(value.get("source", "")), str(value.get("user", "")), error)


@dataclass(frozen=True, slots=True)
class RunWindow:
    """When a run counts from: `at`, until the run of the next day at `until`, both in UTC.

    The windows of consecutive days meet without gap or overlap, on days of 23 and 25 hours too. So each
    password is due for a number of days in exactly one of the daily runs.
    """

    at: datetime
    until: datetime

    @classmethod
    def of(cls, at: datetime, zone: tzinfo) -> Self:
        """Return the moment of a run, and of the next one at the same local time of the next day."""
        at = at.astimezone(UTC).replace(microsecond=0)
        local = at.astimezone(zone)
        next_day = datetime.combine(local.date() + _DAY, time(local.hour, local.minute, local.second), zone)
        return cls(at, next_day.astimezone(UTC))

    def days_left(self, expires_at: datetime) -> int:
        """Return the whole days until a password expires; negative once it has."""
        return (expires_at - self.at) // _DAY

    def is_due(self, expires_at: datetime, days: int) -> bool:
        """Tell whether a password is due in this run for the reminder that many days ahead."""
        return self.at + days * _DAY <= expires_at < self.until + days * _DAY


def time_zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name.

    Lambda's image need not have time zones. python-dateutil, which botocore brings along, carries them; the
    package tzdata would be six hundred files more in every function.

    Raises:
        ZoneInfoNotFoundError: when there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        zone = get_zonefile_instance().get(name)
        if zone is None:
            raise
        return zone


def read_ticks(ticks: int) -> datetime | Expiry:
    """Return what `msDS-UserPasswordExpiryTimeComputed` means, to the second."""
    if ticks == _MUST_CHANGE_TICKS:
        return Expiry.MUST_CHANGE
    if ticks >= _NEVER_TICKS or ticks < 0:
        return Expiry.NEVER
    try:
        return _DIRECTORY_EPOCH + timedelta(seconds=ticks // _TICKS_PER_SECOND)
    except OverflowError:
        # After the year 9999: a policy of ages without end.
        return Expiry.NEVER


def notify_days(text: str) -> tuple[int, ...]:
    """Read the days ahead of expiry on which people are reminded: `15,7,1`."""
    return tuple(sorted({int(days) for days in text.split(",")}, reverse=True))


def classify(account: Account, moment: RunWindow, days: Collection[int]) -> tuple[Outcome, int]:
    """Return what to do about an account, and the days ahead its reminder names (else 0)."""
    expires_at = account.expires_at
    if account.excluded:
        return Outcome.EXCLUDED, 0
    if isinstance(expires_at, Expiry):
        return _WITHOUT_TIME[expires_at], 0
    if expires_at <= moment.at:
        return Outcome.EXPIRED, 0
    ahead = next((each for each in days if moment.is_due(expires_at, each)), None)
    if ahead is None:
        return Outcome.NOT_DUE, 0
    return (Outcome.DUE if account.mail else Outcome.WITHOUT_MAIL), ahead


@dataclass(frozen=True, slots=True)
class Reminder:
    """A mail that is due: to whom, about which expiry, and how many days ahead."""

    account: Account
    days: int

    @property
    def key(self) -> str:
        """The key of the record that it was sent: a hash of user, expiry and days ahead, in hexadecimal."""
        account = self.account
        text = "\n".join((account.source, account.id, str(account.expires_at), str(self.days)))
        return hashlib.sha256(text.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"account": self.account.as_json(), "days": self.days}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned."""
        return cls(Account.from_json(value["account"]), value["days"])


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

    def cells(self) -> list[str]:
        """Return the cells of a spreadsheet; none begins as a formula would, whatever separates columns."""
        account, days = self.reminder.account, self.reminder.days
        texts = [account.source, account.user, account.name, account.mail, account.manager]
        texts += [str(account.expires_at), str(days or ""), self.outcome.value, self.reason]
        return [_FORMULA.sub("'", text) for text in texts]


#: Mails of a test run: one person has to read them. And why all others who are due get none.
TEST_MAILS = 20
TEST_IS_FULL = f"a test run mails the first {TEST_MAILS}"

#: The heads of `ReportRow.cells`.
COLUMNS = ("source", "user", "name", "mail", "manager", "expires at", "days ahead", "outcome", "reason")

#: Where spreadsheets find the beginning of a formula: at the start of a cell, and behind whatever they may
#: take for a separator instead of the comma (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = re.compile(r"""(?:(?<=[;,|\t\r\n])|^)(?=[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])""")
