"""The report of a run as a spreadsheet: its columns, and cells that are no formulas."""

import re

from latchkey.domain.accounts import Expiry
from latchkey.domain.reminders import ReportRow

#: Mails of a test run: one person has to read them. And why all others who are due get none.
TEST_MAILS = 20
TEST_IS_FULL = f"a test run mails the first {TEST_MAILS}"

COLUMNS = ("source", "user", "name", "mail", "manager", "expires at", "days left", "outcome", "reason")

#: Where spreadsheets find the beginning of a formula: at the start of a cell, and behind whatever they may
#: take for a separator instead of the comma (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = re.compile(r"""(?:(?<=[;,|\t\r\n])|^)(?=[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])""")


def cells(row: ReportRow) -> list[str]:
    """Return the cells of a row; none begins as a formula would, whatever separates columns."""
    account = row.reminder.account
    left = "" if isinstance(account.expires_at, Expiry) else str(row.reminder.days_left)
    texts = [
        account.source,
        account.user,
        account.name,
        account.mail,
        account.manager,
        str(account.expires_at),
    ]
    return [
        *(_FORMULA.sub("'", text) for text in texts),
        left,
        row.outcome.value,
        _FORMULA.sub("'", row.reason),
    ]
