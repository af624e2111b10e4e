"""What IAM's credential report says about passwords."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from latchkey.domain.accounts import Account, Expiry

#: What stands in place of the root user's name.
_ROOT = "<root_account>"


def read_report(lines: Iterable[str], maximum_age_days: int) -> Iterator[Account]:
    """Yield the users with a console password, without mail addresses, which the report has not.

    Today's policy counts, not the expiry date in the report: the report may be four hours old. Where the
    report has no time of the last change (`N/A`, `no_information`) nothing is known. The root user has none,
    and is skipped. A row that is not as IAM documents it fails alone.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
    """
    for row in csv.DictReader(lines):
        try:
            account = _account(row, maximum_age_days)
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            account = Account.unreadable("iam", row["user"], error)
        if account:
            yield account


def _account(row: dict[str, str], maximum_age_days: int) -> Account | None:
    if row["user"] == _ROOT:
        return None
    # A comma in a name would move what follows into other columns.
    if not row["arn"].endswith(f"/{row['user']}"):
        raise ValueError("The user's ARN does not end with the user's name.")
    if row["password_enabled"].lower() != "true":
        return None
    return Account(
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
        changed = datetime.fromisoformat(changed_at)
    except ValueError:
        return Expiry.UNKNOWN
    return changed.astimezone(UTC) + timedelta(days=maximum_age_days) if changed.tzinfo else Expiry.UNKNOWN
