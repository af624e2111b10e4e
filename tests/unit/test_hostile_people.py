"""One person's data fails one person: names, addresses, times and languages that people chose to do harm.

`HOSTILE_PEOPLE=10000 pytest tests/unit/test_hostile_people.py -k crowd` takes the crowd as large as wanted.
"""

import base64
import csv
import os
import random
import smtplib
import ssl
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import batched
from typing import Any, Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
import trustme
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from latchkey import emails
from latchkey.adapters import iam, ldap, s3
from latchkey.adapters.ldap import Login
from latchkey.adapters.smtp_secret import SmtpCredentials
from latchkey.domain.accounts import Account, Expiry
from latchkey.domain.passwords import PasswordPolicy
from latchkey.domain.reminders import Outcome, Reminder, ReportRow
from latchkey.domain.run_window import RunWindow
from latchkey.domain.users import IamUser, is_mail_address
from latchkey.errors import AccessDeniedError, ServiceUnavailableError, ThrottledError, UserNotFoundError
from reminders import list_directory_users, list_iam_users, plan_reminders, report, send_reminders
from tests.unit.bucket import Bucket
from tests.unit.stack import CONTEXT, Stack

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
CROWD = int(os.environ.get("HOSTILE_PEOPLE", "400"))

#: What parsers of addresses, headers, JSON, CSV, HTML and templates stumble over.
NASTY = (
    "eve@[corp.example",
    "eve@[127.0.0.1]",
    "(eve)@corp.example",
    "eve\\@corp.example",
    '"eve"@corp.example',
    "eve@corp.example, bob@corp.example",
    "suspended@corp.example",
    "latchkey@example.com",
    "=?utf-8?q?eve?=@corp.example",
    "eve@\u212aorp.example",
    "a" * 300 + "@corp.example",
    ".@.",
    "Eve;=cmd|' /C calc'!A0;",
    "Eve\r\nBcc: bob@corp.example",
    "Eve\x00\x1b[2J",
    "Eve\u202e\u2028\u2029",
    "$user ${link} $$ %s {0}",
    "<script>alert(1)</script>",
    "=?utf-8?b?//79?=",
    "\ud800",
    "../../../etc/passwd",
    "de-" + "x" * 400,
    "de/../en",
    "\N{KELVIN SIGN}" * 70,
    "",
)


def ticks(moment: datetime) -> bytes:
    return str((moment - EPOCH) // timedelta(microseconds=1) * 10).encode()


def entry(number: int, **attributes: bytes) -> dict[str, Any]:
    """Return what a directory server says of a person."""
    raw = {
        "objectGUID": UUID(int=number + 1).bytes_le,
        "sAMAccountName": f"u{number}".encode(),
        "msDS-UserPasswordExpiryTimeComputed": ticks(NOW + timedelta(days=7, hours=number % 24)),
        **{name.replace("_", "-"): value for name, value in attributes.items()},
    }
    return {"type": "searchResEntry", "raw_attributes": {name: [value] for name, value in raw.items()}}


def innocent(number: int) -> dict[str, Any]:
    return entry(number, mail=f"innocent{number}@example.com".encode(), displayName=b"Innocent")


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class DirectoryServer:
    """Stands for ldap3's connection: one search, in pages of a thousand."""

    def __init__(self, people: Iterable[dict[str, Any]]) -> None:
        self.server = type("Server", (), {"host": "dc1", "port": 636})()
        self.pages = [list(each) for each in batched(people, 1000, strict=False)]
        self.closed, self.socket = True, None

    def __call__(self, *_: object, **__: object) -> "DirectoryServer":
        return self

    def bind(self) -> None:
        pass

    def search(self, *_: object, **__: object) -> None:
        self.response = self.pages.pop(0) if self.pages else []
        cookie = b"more" if self.pages else b""
        controls = {"1.2.840.113556.1.4.319": {"value": {"cookie": cookie}}}
        self.result = {"result": 0, "description": "success", "controls": controls}


class MailServer:
    """Stands for SES's SMTP endpoint: repeats the address of whom it refuses, as SES does."""

    def __init__(self) -> None:
        self.mailed: list[str] = []

    def __call__(self, *_: object, **__: object) -> "MailServer":
        return self

    def starttls(self, context: object) -> None:
        pass

    def login(self, _user: str, _password: str) -> None:
        pass

    def sendmail(self, _sender: str, recipients: list[str], message: bytes) -> None:
        (recipient,) = recipients
        recipient.encode("ascii")
        assert b"\r\nBcc:" not in message.partition(b"\r\n\r\n")[0]
        if recipient.startswith("innocent"):
            self.mailed.append(recipient)
        else:
            text = f"Message rejected: Email address is not verified: {recipient}".encode()
            raise smtplib.SMTPDataError(554, text)

    def quit(self) -> None:
        pass

    def close(self) -> None:
        pass


class Record:
    """Stands for the record of what was sent."""

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def claim(self, _key: str) -> None:
        return None

    def mark_sent(self, _key: str) -> None:
        pass


type Run = Callable[[list[dict[str, Any]]], tuple[list[str], list[dict[str, str]], dict[str, Any]]]


@pytest.fixture
def run(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what takes people through every function of the reminders: mailed addresses, report, result."""
    assert stack
    bucket = Bucket()
    monkeypatch.setattr(s3, "_s3", bucket)
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA).cert_pem.bytes().decode()
    for name, value in {
        "DIRECTORY_HOSTS": "dc1",
        "DIRECTORY_SECRET": "directory",
        "DIRECTORY_CA_CERTIFICATE": base64.b64encode(ssl.PEM_cert_to_DER_cert(authority)).decode(),
        "DIRECTORY_SEARCH_BASES": "DC=corp",
        "DIRECTORY_EXCLUSION_GROUP": "",
        "DIRECTORY_PROTECTED_GROUPS": "",
        "SEND_RATE": "1000",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(list_directory_users, "read_login", lambda _: Login("u", "p"))
    login = SmtpCredentials("u", "p", "smtp.example.com", 587)
    monkeypatch.setattr(send_reminders, "current_credentials", lambda: login)
    monkeypatch.setattr(send_reminders, "ReminderIdempotency", Record)
    monkeypatch.setattr(plan_reminders, "sent_by", lambda _keys: {})
    context: Any = CONTEXT

    def take(people: list[dict[str, Any]]) -> tuple[list[str], list[dict[str, str]], dict[str, Any]]:
        name = uuid4().hex
        endpoint = MailServer()
        monkeypatch.setattr(ldap, "Connection", DirectoryServer(people))
        monkeypatch.setattr(smtplib, "SMTP", endpoint)
        moment = {"execution": name, "moment": NOW.isoformat(), "mode": ""}
        source: Any = list_directory_users.handler({"execution": name, "user": ""}, context)
        plan: Any = plan_reminders.handler({**moment, "user": "", "sources": [source]}, context)  # type: ignore[typeddict-item]
        for batch in s3.read_json(plan["batches"]):
            send_reminders.handler(
                {"execution": name, "batch": batch["batch"], "per_second": 1e9, "test": False}, context
            )
        result: Any = report.handler({**moment, "sources": [source], "failures": []}, context)  # type: ignore[typeddict-item]
        file = bucket.objects[f"runs/{name}/report.csv"].decode()
        rows = list(csv.DictReader(StringIO(file, newline="")))
        return endpoint.mailed, rows, result

    return take


def hostile(number: int) -> dict[str, Any]:
    """Return a hostile entry, the same for the same number."""
    chance = random.Random(number)  # noqa: S311  # no secret

    def nasty() -> bytes:
        return encoded(chance.choice(NASTY))

    attributes: dict[str, bytes] = {
        "mail": nasty(),
        "displayName": nasty(),
        "preferredLanguage": nasty(),
        "manager": nasty(),
        "sAMAccountName": f"eve{number}".encode() + chance.choice((b"", nasty())),
    }
    if chance.random() < 0.2:
        attributes["objectGUID"] = chance.choice((b"", b"short%d" % number, b"x" * 16 + b"%d" % number))
    if chance.random() < 0.4:
        attributes["msDS_UserPasswordExpiryTimeComputed"] = chance.choice(
            (b"", b"soon", b"-1", b"0", b"9" * 30, b"9" * 5000, b"1e9", str(2**63 - 2).encode())
        )
    return entry(number, **attributes)


def test_in_a_crowd_of_hostile_people_no_innocent_mail_is_missing(run: Run) -> None:
    each_tenth = range(0, CROWD, 10)
    people = [innocent(number) if number in each_tenth else hostile(number) for number in range(CROWD)]
    mailed, rows, result = run(people)
    assert sorted(mailed) == sorted(f"innocent{number}@example.com" for number in each_tenth)
    assert result["counts"]["mailed"] == len(each_tenth)
    # An expiry far ahead is in no row: it is only counted.
    assert len(rows) + result["counts"].get("not due", 0) == CROWD
    assert not any("corp.example" in problem for problem in result["problems"])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(eve={"mail": "eve@[corp.example", "sAMAccountName": "eve"}, expiry="")
@given(
    eve=st.fixed_dictionaries(
        {
            "mail": st.text(max_size=60) | st.emails() | st.sampled_from(NASTY),
            "displayName": st.text(max_size=60) | st.sampled_from(NASTY),
            "sAMAccountName": st.text(max_size=60) | st.sampled_from(NASTY),
            "preferredLanguage": st.text(max_size=20) | st.sampled_from(NASTY),
        }
    ),
    expiry=st.text(max_size=20) | st.integers(-(2**70), 2**70).map(str),
)
def test_whatever_one_person_has_in_a_directory_the_next_one_is_mailed(
    run: Run, eve: dict[str, str], expiry: str
) -> None:
    hers = {name: encoded(value) for name, value in eve.items()}
    due = entry(1, **hers)
    someday = entry(2, **hers, msDS_UserPasswordExpiryTimeComputed=encoded(expiry))
    nameless = entry(3, **hers, objectGUID=b"")
    mailed, _, result = run([innocent(0), due, someday, nameless, nameless, innocent(4)])
    assert [each for each in mailed if each in {"innocent0@example.com", "innocent4@example.com"}] == [
        "innocent0@example.com",
        "innocent4@example.com",
    ]
    assert sum(result["counts"].values()) == 6


def test_two_entries_without_an_identity_are_two_people(run: Run) -> None:
    people = [entry(number, objectGUID=b"", mail=b"x@example.com") for number in (1, 2)]
    _, rows, result = run(people)
    assert [(row["user"], row["outcome"]) for row in rows] == [("u1", "failed"), ("u2", "failed")]
    assert result["problems"] == ["2 failed: its entry could not be read: unforeseen ValueError, see the log"]


@pytest.mark.parametrize("stage", ["classify", "compose", "render"])
def test_whatever_a_stage_raises_for_one_person_fails_that_person_and_names_them(
    run: Run, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    module: Any = {"classify": plan_reminders, "compose": send_reminders, "render": emails}[stage]
    whole = getattr(module, stage)

    def planted(*given: Any) -> Any:  # noqa: ANN401  # as the function it stands for
        if "Eve" in str(given):
            raise AttributeError("planted: Eve")
        return whole(*given)

    monkeypatch.setattr(module, stage, planted)
    eve = entry(1, mail=b"innocent1@example.com", displayName=b"Eve", sAMAccountName=b"Eve")
    mailed, rows, result = run([innocent(0), eve, innocent(2)])
    assert mailed == ["innocent0@example.com", "innocent2@example.com"]
    assert [row["user"] for row in rows if row["outcome"] == "not sent"] == ["Eve"]
    assert result["problems"] == ["1 not sent: unforeseen AttributeError, see the log"]


REPORT = "\n".join(
    [
        "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed",
        *(
            f"{user},arn:aws:iam::123456789012:user/{user},-,true,N/A,2026-11-14T10:00:00+00:00"
            for user in ("alice", "eve", "bob")
        ),
    ]
)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Callable[[IamUser | Exception], list[Account]]:
    """Return what lists three IAM users who are due; IAM answers so about the one in the middle."""

    def build(eve: IamUser | Exception) -> list[Account]:
        def find_user(name: str) -> IamUser:
            if name == "eve" and isinstance(eve, Exception):
                raise eve
            return eve if name == "eve" and isinstance(eve, IamUser) else IamUser(f"{name}@example.com")

        monkeypatch.setattr(iam, "password_policy", lambda: PasswordPolicy(maximum_age_days=14))
        monkeypatch.setattr(iam, "credential_report", lambda: REPORT)
        monkeypatch.setattr(iam, "find_user", find_user)
        monkeypatch.setattr(iam, "groups_of", lambda _name: frozenset())
        return list(list_iam_users.list_iam_users(RunWindow.of(NOW, ZoneInfo("UTC")), ""))

    return build


@pytest.mark.parametrize("error", [AccessDeniedError("eve"), KeyError("eve"), AttributeError("eve")])
def test_an_iam_user_that_cannot_be_looked_up_fails_alone(
    listed: Callable[[IamUser | Exception], list[Account]], error: Exception
) -> None:
    alice, eve, bob = listed(error)
    assert (alice.mail, bob.mail) == ("alice@example.com", "bob@example.com")
    assert (eve.user, eve.expires_at) == ("eve", Expiry.UNKNOWN)
    assert eve.problem == f"its entry could not be read: unforeseen {type(error).__name__}, see the log"


def test_an_iam_user_deleted_since_the_report_is_without_mail(
    listed: Callable[[IamUser | Exception], list[Account]],
) -> None:
    assert [each.mail for each in listed(UserNotFoundError("eve"))][1] == ""


@pytest.mark.parametrize("error", [ThrottledError("later"), ServiceUnavailableError("later")])
def test_a_passing_fault_of_iam_is_left_to_another_try(
    listed: Callable[[IamUser | Exception], list[Account]], error: Exception
) -> None:
    with pytest.raises(type(error)):
        listed(error)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tag=st.text(max_size=60) | st.sampled_from(NASTY))
def test_whatever_an_iam_users_tag_says_the_others_keep_their_addresses(
    listed: Callable[[IamUser | Exception], list[Account]], tag: str
) -> None:
    alice, eve, bob = listed(IamUser("eve", tags={"email": tag}))
    assert (alice.mail, bob.mail) == ("alice@example.com", "bob@example.com")
    assert eve.mail == "" or is_mail_address(eve.mail)


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_a_line_of_another_form_becomes_an_account_with_a_problem(line: dict[str, Any]) -> None:
    account = Account.from_json(line)
    assert (account.expires_at, account.problem != "") == (Expiry.UNKNOWN, True)


@given(
    st.builds(
        Account,
        st.text(),
        st.text(),
        st.text(),
        st.datetimes(timezones=st.just(UTC)) | st.sampled_from(Expiry),
        *[st.text() | st.sampled_from(NASTY)] * 4,
    )
)
def test_every_account_is_read_as_it_was_written(account: Account) -> None:
    row = ReportRow(Reminder(account, 7), Outcome.FAILED, "why")
    assert ReportRow.from_json(row.as_json()) == row


@pytest.mark.parametrize(
    "address", [each for each in NASTY if any(sign in each for sign in '[]()\\"\r\x00, ')]
)
def test_what_parsers_stumble_over_is_no_address(address: str) -> None:
    assert not is_mail_address(address)
