"""What managers are told: whose passwords are about to expire, in one mail for each manager."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from latchkey.domain.accounts import Account
from latchkey.domain.reminders import EXPIRING, Outcome, Reminder, ReportRow, reached


@dataclass(frozen=True, slots=True)
class ManagerSummary:
    """One mail to a manager about people who let their reminders pass."""

    recipient: Account
    reminders: tuple[Reminder, ...]

    @property
    def key(self) -> str:
        """What identifies the mail: a hash of whom it is about."""
        return hashlib.sha256("\n".join(each.key for each in self.reminders).encode()).hexdigest()

    def row(self, outcome: Outcome, reason: str = "") -> ReportRow:
        """Return the manager's row of the report."""
        told = Outcome.MANAGER_TOLD if outcome is Outcome.MAILED else outcome
        about = "about " + ", ".join(each.account.user for each in self.reminders)
        return ReportRow(Reminder(self.recipient), told, "; ".join(filter(None, (about, reason))))

    def as_json(self) -> dict[str, Any]:
        """Return what `read_mail` reads."""
        return {
            "recipient": self.recipient.as_json(),
            "reminders": [each.as_json() for each in self.reminders],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned."""
        reminders = tuple(Reminder.from_json(each) for each in value["reminders"])
        return cls(Account.from_json(value["recipient"]), reminders)


def read_mail(value: Mapping[str, Any]) -> Reminder | ManagerSummary:
    """Read what `as_json` of either returned."""
    return ManagerSummary.from_json(value) if "recipient" in value else Reminder.from_json(value)


def for_manager(row: ReportRow, days: Collection[int]) -> Reminder | None:
    """Return what a manager is to be told about an account of a directory, None for nothing."""
    account, left = row.reminder.account, row.reminder.days_left
    threshold = reached(left, days) if row.outcome in EXPIRING and account.dn else None
    return None if threshold is None else Reminder(account, left, threshold, to_manager=True)


def named_managers(about: Iterable[Reminder], listed: Iterable[Account]) -> dict[str, Account]:
    """Return the listed accounts that are managers of those people, by their distinguished names."""
    wanted = {each.account.manager.casefold() for each in about} - {""}
    return {each.dn.casefold(): each for each in listed if each.dn.casefold() in wanted}


def summaries(
    about: Iterable[Reminder], managers: Mapping[str, Account]
) -> Iterator[ManagerSummary | ReportRow]:
    """Yield a mail for each manager; a row of the report for each person whose manager gets none."""
    people: dict[str, list[Reminder]] = defaultdict(list)
    for reminder in about:
        manager = managers.get(reminder.account.manager.casefold())
        if manager and manager.mail and not manager.excluded:
            people[manager.dn].append(reminder)
        else:
            yield ReportRow(reminder, Outcome.MANAGER_NOT_TOLD, _why_not(reminder.account, manager))
    for dn, theirs in people.items():
        yield ManagerSummary(managers[dn.casefold()], tuple(theirs))


def _why_not(account: Account, manager: Account | None) -> str:
    if manager:
        return "the manager is excluded" if manager.excluded else "the manager has no mail address"
    return "the manager is not on the list" if account.manager else "no manager is known"
