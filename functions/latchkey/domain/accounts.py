"""Whose passwords expire: accounts as a directory or IAM lists them, and what their times mean."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

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


def unforeseen(error: Exception) -> str:
    """Return what a report says of an unexpected error: its class, since its text may name a person."""
    return f"unforeseen {type(error).__name__}, see the log"


@dataclass(frozen=True, slots=True)
class Account:
    """A user with a password, as a source lists them.

    `id` names the account for good, `user` is its name today, `dn` its distinguished name in a directory.
    `expires_at` is when the password expires, in UTC, to the second; `account_expires_at` is when the account
    itself does, None for never. `mail`, `name`, `language` and `manager`, a distinguished name, are empty
    where the source has none. With `smart_card` the account signs in by smart card alone. `resettable`
    tells whether a reset would let the user pass. `policy` is shown only to an operator who asks about one
    user. `problem` says why an entry of the source could not be read.
    """

    source: str
    id: str
    user: str
    expires_at: datetime | Expiry
    mail: str = ""
    name: str = ""
    language: str = ""
    manager: str = ""
    dn: str = ""
    excluded: bool = False
    resettable: bool = False
    account_expires_at: datetime | None = None
    smart_card: bool = False
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
        expires_at, account_expires_at = self.expires_at, self.account_expires_at
        return {
            **asdict(self),
            "expires_at": expires_at.value if isinstance(expires_at, Expiry) else expires_at.isoformat(),
            "account_expires_at": account_expires_at and account_expires_at.isoformat(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned; anything else becomes an unreadable account."""
        try:
            text = value["expires_at"]
            expires_at = Expiry(text) if text in Expiry else datetime.fromisoformat(text)
            account_expires_at = value["account_expires_at"] and datetime.fromisoformat(
                value["account_expires_at"]
            )
            return cls(**{**value, "expires_at": expires_at, "account_expires_at": account_expires_at})
        except (KeyError, TypeError, ValueError) as error:
            return cls.unreadable(str(value.get("source", "")), str(value.get("user", "")), error)


def read_ticks(ticks: int) -> datetime | Expiry:
    """Return what `msDS-UserPasswordExpiryTimeComputed` means, to the second."""
    if ticks == _MUST_CHANGE_TICKS:
        return Expiry.MUST_CHANGE
    if ticks >= _NEVER_TICKS or ticks < 0:
        return Expiry.NEVER
    try:
        expires_at = _DIRECTORY_EPOCH + timedelta(seconds=ticks // _TICKS_PER_SECOND)
    except OverflowError:
        return Expiry.NEVER
    # The last year there is has no next day everywhere: a policy of ages without end.
    return Expiry.NEVER if expires_at.year == MAXYEAR else expires_at
