"""To whom the mails of a reset go.

A function that mails a secret asks IAM for itself, since what an earlier state found is a hint. The directory
is out of its reach: there the address is as the function found it that set the password, and so could have
kept that for itself (docs/decisions/0067-directory-accounts.md).
"""

from dataclasses import dataclass
from typing import TypedDict

from latchkey.adapters import iam
from latchkey.domain.directory_users import is_in_directory
from latchkey.domain.users import Protection, mail_address


class Event(TypedDict):
    """What a state that mails a user knows of them; `name` and `mail` are as an earlier state found them."""

    execution: str
    user: str
    name: str
    mail: str
    language: str


@dataclass(frozen=True, slots=True)
class Addressee:
    """A user who gets a mail: `account` as the registry knows it, `name` as the user signs in."""

    account: str
    name: str
    mail: str


def eligible(event: Event, protection: Protection) -> Addressee:
    """Return the user whom a state mails, if they may be reset now; of the directory, as it was found.

    Raises:
        UserNotFoundError: when there is no such user.
        UserNotEligibleError: when the user is protected, or has no console access or no mail address.
    """
    if is_in_directory(event["user"]):
        return Addressee(event["user"], event["name"], event["mail"])
    user = iam.find_eligible_user(event["user"], protection)
    return Addressee(user.name, user.name, mail_address(user))


def known(event: Event) -> Addressee:
    """Return the user whom a state mails, protected or not, likewise.

    Raises:
        UserNotFoundError: when there is no such user.
        UserNotEligibleError: when the user has no mail address.
    """
    if is_in_directory(event["user"]):
        return Addressee(event["user"], event["name"], event["mail"])
    user = iam.find_user(event["user"])
    return Addressee(user.name, user.name, mail_address(user))
