"""To whom the mails of a reset go.

A function that mails a secret asks IAM for itself, since what an earlier state found is a hint. The directory
is out of its reach: there the address is as the function found it that set the password, and so could have
kept that for itself (docs/decisions/0067-directory-accounts.md).
"""

from dataclasses import dataclass

from latchkey.adapters import iam
from latchkey.domain.directory_users import is_in_directory
from latchkey.domain.users import Protection, mail_address


@dataclass(frozen=True, slots=True)
class Addressee:
    """A user who gets a mail: `account` as the registry knows it, `name` as the user signs in."""

    account: str
    name: str
    mail: str


def eligible(account: str, name: str, mail: str, protection: Protection) -> Addressee:
    """Return the user of an account who may be reset now; of the directory, as an earlier state found it.

    Raises:
        UserNotFoundError: when there is no such user.
        UserNotEligibleError: when the user is protected, or has no console access or no mail address.
    """
    if is_in_directory(account):
        return Addressee(account, name, mail)
    user = iam.find_eligible_user(account, protection)
    return Addressee(user.name, user.name, mail_address(user))


def known(account: str, name: str, mail: str) -> Addressee:
    """Return the user of an account, protected or not, likewise.

    Raises:
        UserNotFoundError: when there is no such user.
        UserNotEligibleError: when the user has no mail address.
    """
    if is_in_directory(account):
        return Addressee(account, name, mail)
    user = iam.find_user(account)
    return Addressee(user.name, user.name, mail_address(user))
