"""ListIamUsers: lists the account's IAM users with a password, and when it expires."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from latchkey import listing, settings
from latchkey.adapters import iam
from latchkey.domain.accounts import Account
from latchkey.domain.credential_report import read_report, users_of
from latchkey.domain.reminders import Outcome, classify, thresholds
from latchkey.domain.run_window import RunWindow
from latchkey.domain.time_zones import time_zone
from latchkey.domain.users import IamUser, ensure_not_protected, mail_address, preferred_language
from latchkey.errors import TransientError, UserNotEligibleError, UserNotFoundError
from latchkey.handler import task_handler
from latchkey.observability import logger


class Event(listing.Event):
    moment: str


@task_handler
def handler(event: Event, _context: object) -> listing.Listing:
    moment = RunWindow.of(
        datetime.fromisoformat(event["moment"]), time_zone(os.environ["REMINDER_TIME_ZONE"])
    )
    return listing.store("iam", event, list_iam_users(moment, event["user"]), why_not_listed)


def list_iam_users(moment: RunWindow, user: str) -> Iterator[Account]:
    """Yield the users whose password expires; all users, or one.

    Mail addresses are in tags, not in the report: only users who need one are looked up.

    Raises:
        ReportNotReadyError: while IAM is making its report.
    """
    age = iam.password_policy().maximum_age_days
    if age is None:
        return
    days = thresholds(os.environ["NOTIFY_DAYS"], os.environ["NOTIFY_AFTER_DAYS"])
    for account in read_report(iam.credential_report().splitlines(), age):
        if user and account.user.lower() != user.lower():
            continue
        if user or classify(account, moment, days).outcome is Outcome.WITHOUT_MAIL:
            yield _looked_up(account)
        else:
            yield account


def _looked_up(account: Account) -> Account:
    """Return an account with what only IAM itself knows of its user."""
    try:
        user = iam.find_user(account.user)
        mail, language = mail_address(user), preferred_language(user)
        return replace(account, mail=mail, language=language, resettable=is_resettable(user))
    except (UserNotFoundError, UserNotEligibleError):
        # Deleted since the report, or without an address: the report of the run says so.
        return account
    except TransientError:
        # Not about this user; the state's retry lists them all.
        raise
    except Exception as error:  # a user's bad data fails that user alone
        logger.exception("Could not look up %s.", account.id)
        return Account.unreadable(account.source, account.user, error)


def is_resettable(user: IamUser) -> bool:
    """Tell whether a reset would let a user pass who has a console password."""
    try:
        ensure_not_protected(replace(user, groups=iam.groups_of(user.name)), settings.protection())
    except UserNotEligibleError:
        return False
    return True


def why_not_listed(user: str) -> str:
    """Say why no password of the user expires."""
    if iam.password_policy().maximum_age_days is None:
        return "the account's password policy has no maximum age, so no password expires"
    if user.lower() in (name.lower() for name in users_of(iam.credential_report().splitlines())):
        return "the user has no console password"
    return "no such user in the credential report, which may be four hours old"
