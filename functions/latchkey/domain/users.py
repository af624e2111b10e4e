"""Who may be reset, and where their mail goes."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from latchkey.domain.request_fields import MAXIMUM_ADDRESS_CHARACTERS
from latchkey.errors import UserNotEligibleError

#: The tag that keeps a user out of every reset, whatever its value.
PROTECTED_TAG = "latchkey:protected"

#: The tag that names the mail address; in any case, since IAM takes the keys of tags for equal then
#: (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html).
MAIL_TAG = "email"

#: The tag that names the language the user reads, as in `de` or `de-AT`.
LANGUAGE_TAG = "language"

#: IAM's limit on user names (CreateUser, parameter UserName).
MAXIMUM_NAME_CHARACTERS = 64

#: IAM's clock and a function's; whatever comes closer than that counts as the reset's own.
_CLOCKS_DIFFER = timedelta(minutes=1)

#: What IAM takes as a user's name (CreateUser, parameter UserName).
_NAME = re.compile(rf"[A-Za-z0-9_+=,.@-]{{1,{MAXIMUM_NAME_CHARACTERS}}}")

# A sanity check only: SES decides what it delivers to.
# The characters left out here have a meaning of their own in RFC 5322, which parsers stumble over.
_MAIL_ADDRESS = re.compile(
    rf"(?=.{{3,{MAXIMUM_ADDRESS_CHARACTERS}}}\Z)[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+\.[^@\s<>,;:\"()\[\]\\.]+"
)


@dataclass(frozen=True, slots=True)
class IamUser:
    """An IAM user, as far as a reset cares; `password_last_used` is None where no password ever was."""

    name: str
    path: str = "/"
    tags: dict[str, str] = field(default_factory=dict)
    password_last_used: datetime | None = None
    groups: frozenset[str] = frozenset()
    arn: str = ""


@dataclass(frozen=True, slots=True)
class LoginProfile:
    """What IAM tells of a user's password."""

    must_change: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordReset:
    """When a reset began, and when its password was certainly set; None where that is not known."""

    begun_at: datetime
    stored_at: datetime | None = None

    @classmethod
    def of(cls, begun_at: int, stored_at: int) -> Self:
        """Read the registry's seconds since 1970; 0 means not yet."""
        return cls(
            begun_at=datetime.fromtimestamp(begun_at, UTC),
            stored_at=datetime.fromtimestamp(stored_at, UTC) if stored_at else None,
        )


@dataclass(frozen=True, slots=True)
class Protection:
    """The users whom the stack's parameters keep out of every reset, beside the tag.

    `path_prefix` begins and ends with a slash, or is empty for none. Without regard to case `groups` holds
    names, as IAM has no two groups whose names differ in case only.
    """

    path_prefix: str = ""
    groups: frozenset[str] = frozenset()

    @classmethod
    def of(cls, path_prefix: str, groups: str) -> Self:
        """Read the parameters; `groups` is separated by commas."""
        names = (name.strip().lower() for name in groups.split(","))
        return cls(path_prefix, frozenset(name for name in names if name))


def is_possible_name(text: str) -> bool:
    """Tell whether a text can be the name of a user; a password typed into the wrong field often cannot."""
    return _NAME.fullmatch(text) is not None


def is_mail_address(text: str) -> bool:
    """Tell whether a text has the form of a mail address that SES takes: printable ASCII alone."""
    return text.isascii() and text.isprintable() and _MAIL_ADDRESS.fullmatch(text) is not None


def mail_tag(user: IamUser) -> str | None:
    """Return what the tag `email` says, without the blanks around it; None where there is no such tag."""
    return next((value.strip() for key, value in user.tags.items() if key.lower() == MAIL_TAG), None)


def has_broken_mail_tag(user: IamUser) -> bool:
    """Tell whether the tag `email` is there and holds no mail address."""
    tag = mail_tag(user)
    return tag is not None and not is_mail_address(tag)


def mail_address(user: IamUser) -> str:
    """Return the address a reset of the user is mailed to: the tag `email`, else the user name.

    Raises:
        UserNotEligibleError: when neither is a mail address.
    """
    for address in (mail_tag(user), user.name):
        if address is not None and is_mail_address(address):
            return address
    raise UserNotEligibleError(
        f"{user.name} has no mail address: neither the tag '{MAIL_TAG}' nor the user name is one."
    )


def preferred_language(user: IamUser) -> str:
    """Return what the user's tag `language` says, in whichever case IAM keeps its key; empty without one."""
    return next((value for key, value in user.tags.items() if key.lower() == LANGUAGE_TAG), "")


def ensure_not_protected(user: IamUser, protection: Protection) -> None:
    """Pass users who may be reset.

    Raises:
        UserNotEligibleError: when the user carries the tag `latchkey:protected`, lies below the protected
            path or is in a protected group.
    """
    # IAM takes the keys of tags for equal that differ in case only.
    if PROTECTED_TAG in {tag.lower() for tag in user.tags}:
        raise UserNotEligibleError(f"{user.name} is protected by the tag '{PROTECTED_TAG}'.")
    if protection.path_prefix and user.path.startswith(protection.path_prefix):
        raise UserNotEligibleError(f"{user.name} is protected by the path {user.path}.")
    groups = sorted(group for group in user.groups if group.lower() in protection.groups)
    if groups:
        raise UserNotEligibleError(f"{user.name} is protected by the group {groups[0]}.")


def was_taken_over(user: IamUser, profile: LoginProfile, reset: PasswordReset) -> bool:
    """Tell whether the password is no longer the one a reset set.

    IAM shows that in three ways: it need not be changed any more, it was used, or the login profile is newer
    than what the reset stored. A password that has to be changed as well, and was set into the same login
    profile, cannot be told from the reset's own.

    Args:
        user: the user.
        profile: the user's login profile.
        reset: when it began, just before it set its password, and when that was stored, just after.
    """
    used = user.password_last_used
    return (
        not profile.must_change
        or (used is not None and used > reset.begun_at)
        or (reset.stored_at is not None and profile.created_at > reset.stored_at + _CLOCKS_DIFFER)
    )
