"""How a mailed link is named, what it proves, and when it expires."""

import hashlib
import hmac
import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from latchkey.errors import ClaimGoneError

#: 256 random bits, twice what OWASP ASVS 11.5.1 asks of an unguessable token.
LINK_SECRET_BYTES = 32

#: How long a user has to say yes or no to a request made in their name.
REQUEST_TTL = timedelta(minutes=15)

#: How long the owner of a mailbox may say that a claim was not theirs: the longest a mailed code may live
#: (NIST SP 800-63B-4, 4.2.1.2).
NOTICE_TTL = timedelta(hours=24)

#: How far ahead the expiry of a link may lie: none lives longer than NOTICE_TTL, which is also the most that
#: ClaimTtlMinutes takes; and clocks differ.
_LONGEST_LIFE = NOTICE_TTL + timedelta(minutes=1)

_HANDLE = re.compile(r"(?P<user_key>[0-9a-f]{32})\.(?P<expiry>[0-9]{10})\.(?P<reset_key>[0-9a-f]{32})")


def user_key(user: str) -> str:
    """Return the 32 hexadecimal digits that stand for a user's name, in exactly this spelling."""
    return _digits(user)


def item_id(key: str) -> str:
    """Return the id of a user's item in the registry, from the key of the user's name."""
    return f"user#{key}"


def asked_for(user: str, *, unlock: bool) -> str:
    """Return what a window of requests is for, by its name: resets of a user, or unlockings.

    A question about the one must not swallow what the user asks for. Empty where there is no user.
    """
    return f"unlock {user}" if user and unlock else user


def reset_key(execution: str) -> str:
    """Return the 32 hexadecimal digits that stand for one reset, from its execution's name."""
    return _digits(execution)


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def new_execution_name(user: str) -> str:
    """Return a name for a reset of that user that no one can guess, and so none can take first."""
    return f"{user_key(user)}-{secrets.token_hex(16)}"


def generate_link_secret() -> str:
    """Return a new link secret: 43 characters of unpadded base64url."""
    return secrets.token_urlsafe(LINK_SECRET_BYTES)


def hash_link_secret(link_secret: str) -> str:
    """Return the SHA-256 of a link secret, the only form in which it is kept."""
    return hashlib.sha256(link_secret.encode()).hexdigest()


def proves(link_secret: str, secret_sha256: str) -> bool:
    """Tell whether a link's secret has this hash."""
    return hmac.compare_digest(hash_link_secret(link_secret), secret_sha256)


def network_address(text: str) -> str:
    """Return a text that is an IP address, as such are usually written; empty for any other."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    # Behind a per cent sign Python takes any words, as the name of a zone.
    return "" if "%" in text else str(address)


@dataclass(frozen=True, slots=True)
class Handle:
    """What the link calls `ph`: where to look, and until when. It proves nothing by itself."""

    user_key: str
    expires_at: datetime
    reset_key: str

    @classmethod
    def of(cls, user: str, execution: str, expires_at: datetime) -> Self:
        """Return the handle of an execution's link: the same at every try, so a retry overwrites its own."""
        return cls(user_key(user), expires_at.replace(microsecond=0), reset_key(execution))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the handle in `text`, or None if it is malformed."""
        match = _HANDLE.fullmatch(text)
        if match is None:
            return None
        return cls(match["user_key"], datetime.fromtimestamp(int(match["expiry"]), UTC), match["reset_key"])

    @classmethod
    def in_time(cls, text: str, now: datetime) -> Self:
        """Return the handle of a link that may still lead somewhere, before anything is asked or read.

        Raises:
            ClaimGoneError: when it is malformed, expired, or expires later than any link can.
        """
        handle = cls.parse(text)
        if handle is None or not now < handle.expires_at <= now + _LONGEST_LIFE:
            raise ClaimGoneError("The handle is malformed, or its link does not work at this time.")
        return handle

    def proof(self, link_secret: str) -> str:
        """Return the SHA-256 of a claim's link, handle and secret, the only form in which it is kept."""
        return hash_link_secret(f"{self}&{link_secret}")

    def __str__(self) -> str:
        return f"{self.user_key}.{int(self.expires_at.timestamp())}.{self.reset_key}"


@dataclass(frozen=True, slots=True)
class MailedLink:
    """What a mail offers: a link, and a code for people whose mail program cut it; both carry one secret."""

    page: str
    handle: str
    secret: str = field(repr=False)

    def words(self, base_url: str) -> dict[str, str]:
        """Return both as a mail spells them.

        The link's values are in the fragment, which browsers send to no server. The code is the same without
        punctuation, so that no program takes it for a link, and a double click selects most of it. The pages'
        `link.js` reads either.
        """
        return {
            "link": f"{base_url}/{self.page}#ph={self.handle}&rs={self.secret}",
            "code": f"{self.page}{self.handle}{self.secret}".replace(".", ""),
        }


def request_handle(user: str, execution: str, asked_at: datetime) -> Handle:
    """Return the handle of an execution's question: the same at each try, as the last task token alone lives.

    Args:
        user: the user's name.
        execution: the reset's name.
        asked_at: when `ConfirmRequest` was entered.
    """
    return Handle.of(user, execution, asked_at + REQUEST_TTL)
