"""People in every situation, run after run: who is mailed on which day, and the words of the mail."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any, Self
from uuid import uuid4

import pytest

from latchkey.adapters import s3
from latchkey.domain.accounts import Account, Expiry
from reminders import plan_reminders, report, send_reminders
from tests.unit.bucket import Bucket
from tests.unit.mailbox import Mail, Mailbox
from tests.unit.stack import CONTEXT, Stack

DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)
BOSS = Account("directory", "boss", "boss", Expiry.NEVER, mail="boss@example.com", dn="CN=Boss,DC=corp")


def alice(left: timedelta, at: datetime = MONDAY, **more: Any) -> Account:  # noqa: ANN401  # whatever an account has
    """Return an account whose password expires so long after a run."""
    known = Account("directory", "1", "alice", at + left, "alice@example.com", "Alice", dn="CN=Alice,DC=corp")
    return replace(known, **more)


class Record:
    """Stands for the record of what was sent, one for all runs."""

    def __init__(self) -> None:
        self.runs: dict[str, str] = {}

    def __call__(self, run: str, _keys: Iterable[str], _until: float) -> Self:
        self.run = run
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def sent_by(self, keys: Iterable[str]) -> dict[str, str]:
        return {key: self.runs[key] for key in keys if key in self.runs}

    def claim(self, key: str) -> str | None:
        return self.runs.get(key)

    def mark_sent(self, key: str) -> None:
        self.runs[key] = self.run


@dataclass
class Reminders:
    """Runs over a directory that changes in between."""

    bucket: Bucket
    settings: pytest.MonkeyPatch
    box: Mailbox = field(default_factory=Mailbox)
    record: Record = field(default_factory=Record)
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def run(self, at: datetime, *accounts: Account) -> list[Mail]:
        """Run at a time over these accounts, and return the new mails."""
        context: Any = CONTEXT
        name, before = uuid4().hex, len(self.box.mails)
        source: Any = {"source": "directory", "list": f"runs/{name}/directory.jsonl"}
        s3.write_lines(source["list"], (each.as_json() for each in accounts))
        given: Any = {"execution": name, "moment": at.isoformat(), "mode": "", "sources": [source]}
        planned: Any = {**given, "user": ""}
        plan = plan_reminders.handler(planned, context)
        for batch in s3.read_json(plan["batches"]):
            event: Any = {"execution": name, "per_second": 1e9, "test": False, **batch}
            send_reminders.handler(event, context)
        ended: Any = {**given, "failures": []}
        report.handler(ended, context)
        text = self.bucket.objects[f"runs/{name}/report.csv"].decode()
        self.rows = [
            (row["user"], row["outcome"], row["reason"]) for row in csv.DictReader(StringIO(text, newline=""))
        ]
        return self.box.mails[before:]


@pytest.fixture
def reminders(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Reminders:
    assert stack
    made = Reminders(Bucket(), monkeypatch)
    monkeypatch.setattr(s3, "_s3", made.bucket)
    monkeypatch.setattr(plan_reminders, "sent_by", made.record.sent_by)
    monkeypatch.setattr(send_reminders, "SmtpClient", made.box)
    monkeypatch.setattr(send_reminders, "ReminderIdempotency", made.record)
    monkeypatch.setenv("SEND_RATE", "1000")
    return made


def test_an_expired_account_gets_no_mail_and_the_report_says_why(reminders: Reminders) -> None:
    gone = alice(7 * DAY, account_expires_at=MONDAY - DAY)
    assert reminders.run(MONDAY, gone) == []
    assert reminders.rows == [("alice", "account expired", "")]


def test_an_account_that_expires_tomorrow_is_reminded_today(reminders: Reminders) -> None:
    (mail,) = reminders.run(MONDAY, alice(7 * DAY, account_expires_at=MONDAY + DAY))
    assert (mail.to, mail.subject) == ("alice@example.com", "Your password expires in 7 days")
    assert "The password of your account alice expires in 7 days, on Monday, 30 November 2026" in mail.text


def test_after_mondays_run_failed_tuesdays_tells_the_true_number_of_days_once(reminders: Reminders) -> None:
    due_on_monday = alice(7.5 * DAY)
    (mail,) = reminders.run(MONDAY + DAY, due_on_monday)
    assert mail.subject == "Your password expires in 6 days"
    assert reminders.run(MONDAY + 2 * DAY, due_on_monday) == []
    assert reminders.rows[0][1] == "already mailed"


def test_a_policy_that_goes_from_90_to_60_days_warns_at_once_whom_it_hits(reminders: Reminders) -> None:
    bob: Any = {"id": "2", "user": "bob", "mail": "bob@example.com"}
    assert reminders.run(MONDAY, alice(34.5 * DAY), alice(20.5 * DAY, **bob)) == []
    tuesday = MONDAY + DAY
    shorter = [alice(4.5 * DAY), alice(-9.5 * DAY, **bob)]
    mails = reminders.run(tuesday, *shorter)
    assert [(mail.to, mail.subject) for mail in mails] == [
        ("alice@example.com", "Your password expires in 3 days"),
        ("bob@example.com", "Your password has expired"),
    ]
    assert "expired on Friday, 13 November 2026" in mails[1].text
    assert "Sign in as usual and choose a new password" in mails[1].text
    assert reminders.run(tuesday + DAY, *shorter) == []


def test_a_joiner_with_5_days_left_is_told_at_once_and_then_as_all_others(reminders: Reminders) -> None:
    joiner = alice(5.5 * DAY)
    subjects = [mail.subject for day in range(15) for mail in reminders.run(MONDAY + day * DAY, joiner)]
    assert subjects == [
        "Your password expires in 5 days",
        "Your password expires in 1 day",
        *["Your password has expired"] * 3,
    ]


def test_a_new_password_ends_the_reminders(reminders: Reminders) -> None:
    assert len(reminders.run(MONDAY, alice(7.5 * DAY))) == 1
    assert reminders.run(MONDAY + 6 * DAY, alice(90 * DAY)) == []


def test_a_manager_gets_one_mail_about_all_their_people_and_a_missing_one_is_in_the_report(
    reminders: Reminders,
) -> None:
    reminders.settings.setenv("NOTIFY_MANAGER_DAYS", "3")
    people = [
        alice(3.5 * DAY, manager="cn=Boss,DC=corp"),
        alice(2.5 * DAY, id="2", user="bob", name="", manager=BOSS.dn),
        alice(3.5 * DAY, id="3", user="carol", manager="CN=Nobody,DC=corp"),
        alice(3.5 * DAY, id="4", user="dave", manager="CN=Silent,DC=corp"),
        alice(3.5 * DAY, id="5", user="erin"),
        alice(9.5 * DAY, id="6", user="frank", manager=BOSS.dn),
        alice(3.5 * DAY, id="7", user="grace", manager="CN=Asked not to,DC=corp"),
        replace(BOSS, id="asked", dn="CN=Asked not to,DC=corp", excluded=True),
        replace(BOSS, id="silent", dn="CN=Silent,DC=corp", mail=""),
        BOSS,
    ]
    mails = reminders.run(MONDAY, *people)
    (told,) = [mail for mail in mails if mail.to == BOSS.mail]
    assert told.subject == "Passwords in your team are about to expire"
    assert "Alice (alice): in 3 days bob: in 2 days They have not chosen new ones yet." in told.text
    assert len(mails) == 8
    untold = [(user, reason) for user, outcome, reason in reminders.rows if outcome == "manager not told"]
    assert untold == [
        ("carol", "the manager is not on the list"),
        ("dave", "the manager has no mail address"),
        ("erin", "no manager is known"),
        ("grace", "the manager is excluded"),
    ]
    assert ("boss", "manager told", "about alice, bob") in reminders.rows
    again = reminders.run(MONDAY + DAY, *people)
    assert [mail for mail in again if mail.to == BOSS.mail] == []


@pytest.mark.parametrize(
    ("zone", "at", "expires_at", "days", "said"),
    [
        # Sydney is ten hours ahead, eleven from 4 October on.
        (
            "Australia/Sydney",
            "2026-10-02T20:00Z",
            "2026-10-10T18:59Z",
            7,
            "Sunday, 11 October 2026, 05:59 (Australia/Sydney; Saturday, 18:59 UTC)",
        ),
        (
            "Australia/Sydney",
            "2026-10-02T20:00Z",
            "2026-10-10T19:00Z",
            8,
            "Sunday, 11 October 2026, 06:00 (Australia/Sydney; Saturday, 19:00 UTC)",
        ),
        # Honolulu is ten hours behind, and has one time all year.
        (
            "Pacific/Honolulu",
            "2026-11-23T16:00Z",
            "2026-12-01T15:59Z",
            7,
            "Tuesday, 1 December 2026, 05:59 (Pacific/Honolulu; 15:59 UTC)",
        ),
        (
            "Pacific/Honolulu",
            "2026-11-23T16:00Z",
            "2026-12-01T16:00Z",
            8,
            "Tuesday, 1 December 2026, 06:00 (Pacific/Honolulu; 16:00 UTC)",
        ),
    ],
)
def test_days_and_times_are_those_of_the_stacks_time_zone(  # noqa: PLR0913, PLR0917  # one table
    reminders: Reminders, zone: str, at: str, expires_at: str, days: int, said: str
) -> None:
    reminders.settings.setenv("REMINDER_TIME_ZONE", zone)
    account = replace(alice(DAY), expires_at=datetime.fromisoformat(expires_at))
    (mail,) = reminders.run(datetime.fromisoformat(at), account)
    assert mail.subject == f"Your password expires in {days} days"
    assert said in mail.text


def test_a_person_who_prefers_german_gets_every_mail_in_german(reminders: Reminders) -> None:
    reminders.settings.setenv("NOTIFY_MANAGER_DAYS", "1")
    boss = replace(BOSS, language="de-AT")
    person = alice(1.5 * DAY, language="de", manager=BOSS.dn)
    before, to_manager = reminders.run(MONDAY, person, boss)
    (after,) = reminders.run(MONDAY + 2 * DAY, person, boss)
    assert before.subject == "Ihr Passwort läuft in 1 Tag ab"
    assert "läuft in 1 Tag ab: Dienstag, 24. November 2026, 18:00 UTC" in before.text
    assert to_manager.subject == "Passwörter in Ihrem Team laufen bald ab"
    assert "Alice (alice): in 1 Tag" in to_manager.text
    assert after.subject == "Ihr Passwort ist abgelaufen"
    assert "Melden Sie sich wie gewohnt an" in after.text
