"""IAM users with a console password, and why some of them cannot be reset."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from cli.findings import Kind
from latchkey.domain.users import (
    MAIL_TAG,
    ensure_not_protected,
    has_broken_mail_tag,
    mail_address,
)
from latchkey.errors import UserNotEligibleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.findings import Finding
    from latchkey.domain.users import IamUser, Protection

#: More names than these help no one; --json has them all.
_SHOWN = 5

_kind = partial(Kind, section="people")

PEOPLE_WITHOUT_ADDRESS = _kind(
    "PeopleWithoutAddress",
    remedy=f"Tag them: aws iam tag-user --user-name … --tags Key={MAIL_TAG},Value=….",
)
PEOPLE_WITH_BROKEN_TAG = _kind(
    "PeopleWithBrokenTag",
    remedy=f"Mend the tag: aws iam tag-user --user-name … --tags Key={MAIL_TAG},Value=….",
)
PEOPLE_SHARING_ADDRESS = _kind(
    "PeopleSharingAddress",
    remedy="Give each an address of their own, or let them ask by their user names.",
)
PEOPLE_MAY_NOT_CHANGE = _kind(
    "PeopleMayNotChangePassword",
    remedy="Let users change their passwords: IAM console, Account settings; or by IAMUserChangePassword.",
)
PEOPLE_IN_MFA_DEADLOCK = _kind(
    "PeopleInMfaDeadlock",
    remedy="Take iam:ChangePassword out of what the policy denies without MFA, or register devices.",
)
PEOPLE_SUPPRESSED = _kind(
    "PeopleSuppressed",
    remedy="Mend the mailbox, then: aws sesv2 delete-suppressed-destination --email-address …",
)
PEOPLE_PROTECTED = _kind(
    "PeopleProtected",
    remedy="None, where this is meant: protected people go to an administrator.",
    note=True,
)


@dataclass(frozen=True, slots=True)
class Person:
    """A user with a console password.

    Attributes:
        user: as a reset sees them.
        may_change: whether they may change their password, as every reset asks of them.
        needs_mfa: whether they could if they signed in with MFA, and have no device.
    """

    user: IamUser
    may_change: bool = True
    needs_mfa: bool = False


@dataclass(frozen=True, slots=True)
class People:
    """The users with a console password, who is protected, and the addresses that SES suppresses."""

    everyone: Sequence[Person]
    protection: Protection
    suppressed: frozenset[str] = field(default_factory=frozenset)


def check_people(people: People) -> Iterator[Finding]:
    """Find people whom no reset reaches, or whom a reset would lock out."""
    found: dict[Kind, list[str]] = {}
    addresses = Counter(_address(person.user) for person in people.everyone)
    for person in people.everyone:
        kind = _obstacle(person, people)
        address = _address(person.user)
        if kind is None and address != person.user.name.lower() and addresses[address] > 1:
            kind = PEOPLE_SHARING_ADDRESS
        if kind is not None:
            found.setdefault(kind, []).append(person.user.name)
    for kind, why in (
        (PEOPLE_WITHOUT_ADDRESS, "Neither name nor tag is a mail address, so no reset reaches"),
        (
            PEOPLE_WITH_BROKEN_TAG,
            f"Mails go to the user name or nowhere, as the tag '{MAIL_TAG}' is broken, of",
        ),
        (PEOPLE_SHARING_ADDRESS, "Asking by mail address resets none of those who share one:"),
        (PEOPLE_MAY_NOT_CHANGE, "A reset asks for a new password, and IAM refuses to let them choose it:"),
        (PEOPLE_IN_MFA_DEADLOCK, "A reset asks for a new password, which a policy denies without MFA, to"),
        (PEOPLE_SUPPRESSED, "SES's suppression list keeps every mail from"),
        (PEOPLE_PROTECTED, "Never reset:"),
    ):
        if kind in found:
            yield kind.found(f"{why} {_names(found[kind])}.")


def _obstacle(person: Person, people: People) -> Kind | None:
    """Return what keeps a person from a reset that ends well, or leads it elsewhere; None for nothing."""
    try:
        ensure_not_protected(person.user, people.protection)
    except UserNotEligibleError:
        return PEOPLE_PROTECTED
    try:
        address = mail_address(person.user)
    except UserNotEligibleError:
        return PEOPLE_WITH_BROKEN_TAG if has_broken_mail_tag(person.user) else PEOPLE_WITHOUT_ADDRESS
    if address.lower() in people.suppressed:
        return PEOPLE_SUPPRESSED
    if person.needs_mfa:
        return PEOPLE_IN_MFA_DEADLOCK
    if not person.may_change:
        return PEOPLE_MAY_NOT_CHANGE
    return PEOPLE_WITH_BROKEN_TAG if has_broken_mail_tag(person.user) else None


def _address(user: IamUser) -> str:
    try:
        return mail_address(user).lower()
    except UserNotEligibleError:
        return ""


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
