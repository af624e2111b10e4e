"""Which users of a directory may be reset, what their passwords must not hold, and whose password it is.

The constants are Active Directory's:
https://learn.microsoft.com/troubleshoot/windows-server/active-directory/useraccountcontrol-manipulate-account-properties
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntFlag
from uuid import UUID

from latchkey.domain.accounts import read_ticks
from latchkey.domain.passwords import PasswordPolicy
from latchkey.domain.request_fields import MAXIMUM_ADDRESS_CHARACTERS
from latchkey.domain.users import PasswordReset, is_mail_address
from latchkey.errors import DirectorySearchError, UserNotEligibleError

#: What the names of a directory's accounts begin with, wherever accounts are named. IAM allows no slash in a
#: user's name, so no account of one kind is ever taken for one of the other.
_PREFIX = "directory/"

#: The longest `sAMAccountName` of a user; principal names and mail addresses have an `@`.
#: https://learn.microsoft.com/windows/win32/adschema/a-samaccountname
_LONGEST_ACCOUNT_NAME = 20

#: What neither an account's name nor a principal name may hold; `+` is in mail addresses.
_IMPOSSIBLE = frozenset('"/\\[]:;|=,*?<>')

#: A controller's clock and a function's; whatever comes closer than that counts as later.
_CLOCKS_DIFFER = timedelta(minutes=1)

#: Where Active Directory splits a display name; shorter parts than this it does not look for.
#: https://learn.microsoft.com/previous-versions/windows/it-pro/windows-10/security/threat-protection/security-policy-settings/password-must-meet-complexity-requirements
_SEPARATORS = re.compile(r"[,.\-_ #\t]+")
_SHORTEST_NAME = 3


def account_name(identity: str) -> str:
    """Return the name of a directory's account: by its `objectGUID`, which no renaming and moving changes.

    Before the directory was asked, what was typed stands in place of it.
    """
    return f"{_PREFIX}{identity}"


def is_in_directory(account: str) -> bool:
    """Tell whether an account is one of the directory."""
    return account.startswith(_PREFIX)


def identity_of(account: str) -> UUID:
    """Return the `objectGUID` of a directory's account.

    Raises:
        ValueError: when it is no such account's name.
    """
    if not is_in_directory(account):
        raise ValueError("This is no account of the directory.")
    return UUID(account.removeprefix(_PREFIX))


def typed_name(account: str) -> str:
    """Return what was typed for a directory's account, or its `objectGUID`."""
    return account.removeprefix(_PREFIX)


def is_possible_name(text: str) -> bool:
    """Tell whether a text can be the name or address of a user; a longer password typed there cannot."""
    possible = text.isprintable() and _IMPOSSIBLE.isdisjoint(text)
    return possible and len(text) <= (MAXIMUM_ADDRESS_CHARACTERS if "@" in text else _LONGEST_ACCOUNT_NAME)


class AccountControl(IntFlag):
    """The flags of `userAccountControl` that matter here."""

    DISABLED = 0x2
    NORMAL_ACCOUNT = 0x200
    NEVER_EXPIRES = 0x10000
    SMARTCARD_REQUIRED = 0x40000


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryUser:
    """A user as a domain controller knows it; times are in UTC, None where they never were.

    Attributes:
        identity: the `objectGUID`.
        name: the `sAMAccountName`.
        control: the flags of `userAccountControl`.
        account_expires_at: when the account ends; None for never.
        has_admin_count: whether AdminSDHolder protects the account, or once did (`adminCount=1`).
        protected_by: a protected group that the user is in; empty for none, None where that is not known.
        policy: the distinguished name of the user's fine-grained password policy; empty for the domain's.
        password_set_at: None where the password must be changed at the next sign-in.
        signed_in_at: the latest sign-in this controller knows of.
    """

    identity: UUID
    name: str
    distinguished_name: str = ""
    control: AccountControl = AccountControl.NORMAL_ACCOUNT
    mail: str = ""
    principal_name: str = ""
    display_name: str = ""
    language: str = ""
    account_expires_at: datetime | None = None
    has_admin_count: bool = False
    protected_by: str | None = None
    policy: str = ""
    password_set_at: datetime | None = None
    signed_in_at: datetime | None = None

    @property
    def account(self) -> str:
        """The name of the account, as the registry knows it."""
        return account_name(str(self.identity))


def read_time(ticks: int) -> datetime | None:
    """Return a time of the directory; None where it says none: 0, or never."""
    time = read_ticks(ticks)
    return time if isinstance(time, datetime) else None


def ensure_eligible(user: DirectoryUser, now: datetime) -> None:
    """Pass users who may be reset.

    A password that never expires need not be changed either, so a temporary one would stay. `adminCount`
    also refuses people who left a group of administrators: AdminSDHolder still keeps the delegation off them.

    Raises:
        UserNotEligibleError: when the account is disabled, has expired, is no person's, takes smart cards
            only, has a password that never expires, is protected, or has no mail address.
        DirectorySearchError: when it is not known whether a group protects the user.
    """
    control, expires_at = user.control, user.account_expires_at
    reasons = (
        (AccountControl.DISABLED in control, "is disabled"),
        (AccountControl.NORMAL_ACCOUNT not in control, "is no account of a person"),
        (expires_at is not None and expires_at <= now, "has expired"),
        (AccountControl.SMARTCARD_REQUIRED in control, "signs in by smart card only"),
        (AccountControl.NEVER_EXPIRES in control, "has a password that never expires"),
        (user.has_admin_count, "is protected: adminCount is 1"),
        (bool(user.protected_by), f"is protected by the group {user.protected_by}"),
        (not is_mail_address(user.mail), "has no mail address"),
    )
    for applies, reason in reasons:
        if applies:
            raise UserNotEligibleError(f"{user.name} {reason}.")
    if user.protected_by is None:
        raise DirectorySearchError(
            f"It is not known whether a group protects {user.name}: the service account may not read "
            "tokenGroups, or the controller reaches no global catalog."
        )


def ensure_own_address(user: DirectoryUser, address: str, attribute: str) -> None:
    """Pass users who ask for themselves: by the address that their user pool verified.

    Args:
        user: the user.
        address: the verified address.
        attribute: which of the directory's attributes has to be that address: `mail` or `userPrincipalName`.

    Raises:
        UserNotEligibleError: when it is another address, or either is not ASCII: without it, two addresses
            could be different and still the same in lower case.
    """
    own = user.mail if attribute == "mail" else user.principal_name
    if not (own and own.isascii() and address.isascii() and own.lower() == address.lower()):
        raise UserNotEligibleError(f"The verified address of the person who asks is not that of {user.name}.")


def policy_for(user: DirectoryUser, minimum_length: int) -> PasswordPolicy:
    """Return what a password of the user has to meet: the length, and none of the account's names within.

    Every generated password holds all classes of characters, whichever the policy asks for.
    """
    parts = [user.name, *_SEPARATORS.split(user.display_name)]
    forbidden = tuple(sorted({part.lower() for part in parts if len(part) >= _SHORTEST_NAME}))
    return PasswordPolicy(minimum_length=minimum_length, forbidden=forbidden)


def was_taken_over(seen: list[DirectoryUser], reset: PasswordReset) -> bool:
    """Tell whether the password is no longer the one a reset set.

    It is not where any controller knows that it was changed, or used, since the reset began. A password that
    must be changed opens nothing before that, so `pwdLastSet`, which every controller learns, is enough.
    Sign-ins tell of accounts that an administrator freed from the change: a controller knows of its own at
    once, of others' up to two weeks late, so one that is not seen says nothing. Where the password need not
    be changed and was last set before the reset, the reset's own change has not reached that controller, or
    was never made; it was never made where nothing was stored and no controller knows of it.

    Args:
        seen: the user as each controller that answered knows it; one at least.
        reset: when.
    """
    for user in seen:
        if user.password_set_at and user.password_set_at > reset.begun_at - _CLOCKS_DIFFER:
            return True
        if user.signed_in_at and user.signed_in_at > reset.begun_at + _CLOCKS_DIFFER:
            return True
    return reset.stored_at is None and all(user.password_set_at for user in seen)
