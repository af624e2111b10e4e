"""What IAM's credential report says about passwords."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from latchkey.reminders import Account, Expiry


def read_report(lines: Iterable[str], maximum_age_days: int) -> Iterator[Account]:
    """Yield the users with a console password, without mail addresses, which the report has not.

    The age of the policy of today counts, not the date in the report's own column: the report may be four
    hours old. Where the report has no time of the last change (`N/A`, `no_information`) nothing is known.
    The root user's row says `not_supported`, and is passed over.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
    """
    for row in csv.DictReader(lines):
        if row["password_enabled"].lower() != "true":
            continue
        yield Account(
            source="iam",
            id=row["arn"],
            user=row["user"],
            expires_at=_expiry(row["password_last_changed"], maximum_age_days),
            policy=f"the account's password policy: {maximum_age_days} days",
        )


def users_of(lines: Iterable[str]) -> Iterator[str]:
    """Yield the names of all users in the report, with and without a password."""
    return (row["user"] for row in csv.DictReader(lines))


def _expiry(changed_at: str, maximum_age_days: int) -> datetime | Expiry:
    try:
        return datetime.fromisoformat(changed_at) + timedelta(days=maximum_age_days)
    except ValueError:
        return Expiry.UNKNOWN
