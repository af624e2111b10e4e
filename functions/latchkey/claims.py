"""The life of a claim: how a link is named, what it proves, and when it is over."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

#: 256 random bits, twice what OWASP ASVS 11.5.1 asks of an unguessable token.
LINK_SECRET_BYTES = 32

#: How long somebody has to say yes or no to a request made in their name.
REQUEST_TTL = timedelta(minutes=15)

#: How long the owner of a mailbox may say that a claim was not theirs: the longest a mailed code may live
#: (NIST SP 800-63B-4, 4.2.1.2).
NOTICE_TTL = timedelta(hours=24)

_HANDLE = re.compile(r"(?P<user_key>[0-9a-f]{16})\.(?P<expiry>[0-9]{10})\.(?P<reset_key>[0-9a-f]{32})")


def user_key(user: str) -> str:
    """Return the 16 hexadecimal digits that stand for a user in names; IAM names ignore case."""
    # Bytes fold ASCII alone: a name IAM cannot have must not share the key of one it can, or asking
    # for it would use up the other's time window.
    return hashlib.sha256(user.encode().lower()).hexdigest()[:16]


def execution_name(user: str, now: datetime, window: timedelta) -> str:
    """Return the name of the one reset `user` may have in the time window around `now`.

    Step Functions refuses a second execution of one name, so the name itself limits the requests,
    for users who exist and for those who do not alike.
    """
    seconds = int(window.total_seconds())
    start = datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)
    return f"{user_key(user)}-{start:%Y%m%dT%H%MZ}"


def generate_link_secret() -> str:
    """Return a new link secret: 43 characters of unpadded base64url."""
    return secrets.token_urlsafe(LINK_SECRET_BYTES)


def hash_link_secret(link_secret: str) -> str:
    """Return the SHA-256 of a link secret, the only form in which it is kept."""
    return hashlib.sha256(link_secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Handle:
    """What the link calls `ph`: where a claim is, and until when. It proves nothing by itself."""

    user_key: str
    expires_at: datetime
    reset_key: str

    @classmethod
    def of(cls, user: str, execution: str, expires_at: datetime) -> Self:
        """Return the handle of an execution's claim: the same at every try, so a retry overwrites its own."""
        return cls(user_key(user), expires_at.replace(microsecond=0), reset_key(execution))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the handle that `text` spells, or None where it spells none."""
        match = _HANDLE.fullmatch(text)
        if match is None:
            return None
        return cls(match["user_key"], datetime.fromtimestamp(int(match["expiry"]), UTC), match["reset_key"])

    def __str__(self) -> str:
        return f"{self.user_key}.{int(self.expires_at.timestamp())}.{self.reset_key}"


def reset_key(execution: str) -> str:
    """Return the 32 hexadecimal digits that stand for one reset, from its execution's name."""
    return hashlib.sha256(execution.encode()).hexdigest()[:32]


def request_handle(user: str, execution: str, asked_at: datetime) -> Handle:
    """Return the handle of an execution's request: the same at each try, as the last task token alone lives.

    Args:
        user: the user's name.
        execution: the reset's name.
        asked_at: when `ConfirmRequest` was entered.
    """
    return Handle.of(user, execution, asked_at + REQUEST_TTL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What waits behind a link until somebody presents its secret."""

    user: str
    execution: str
    stored_at: datetime
    expires_at: datetime
    secret_sha256: str
    password: str

    def __repr__(self) -> str:
        return f"Claim(user={self.user!r}, execution={self.execution!r})"

    def opens_with(self, link_secret: str, now: datetime) -> bool:
        """Tell whether `link_secret` reveals this claim at the time `now`."""
        return proves(link_secret, self.secret_sha256) and now < self.expires_at


class TicketKind(StrEnum):
    """What a ticket is for; also the folder it waits in."""

    REQUEST = "requests"
    NOTICE = "notices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a mailed link has to prove before its button does something; it leads to no password."""

    user: str
    execution: str
    secret_sha256: str
    task_token: str = ""

    def __repr__(self) -> str:
        return f"Ticket(user={self.user!r}, execution={self.execution!r})"

    def opens_with(self, link_secret: str) -> bool:
        """Tell whether `link_secret` is the one this ticket was mailed with."""
        return proves(link_secret, self.secret_sha256)


def proves(link_secret: str, secret_sha256: str) -> bool:
    """Tell whether a link's secret is the one of which this is the hash."""
    return hmac.compare_digest(hash_link_secret(link_secret), secret_sha256)
