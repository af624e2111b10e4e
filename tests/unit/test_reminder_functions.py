"""The functions of the reminders: lists in, batches, mails and a report out."""

import csv
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import boto3
import pytest

from latchkey.adapters import reminder_idempotency, s3
from latchkey.adapters.ldap import Settings
from latchkey.adapters.reminder_idempotency import ReminderIdempotency, sent_by
from latchkey.domain.accounts import Account, Expiry
from latchkey.domain.reminders import Outcome, Reminder, ReportRow
from latchkey.domain.run_report import TEST_IS_FULL
from latchkey.domain.run_window import RunWindow
from latchkey.errors import (
    AccessDeniedError,
    BatchUnfinishedError,
    DirectoryLoginError,
    MailQuotaExceededError,
    RecipientRefusedError,
    ReminderInProgressError,
    ReportNotReadyError,
    ServiceUnavailableError,
    ThrottledError,
)
from latchkey.languages.times import InDays
from reminders import list_directory_users, list_iam_users, plan_reminders, report, send_reminders
from tests.unit.mailbox import Mailbox
from tests.unit.stack import CONTEXT, IAM, LambdaContext, Stack, client_error, load_event
from tools.asl import read_definition, read_template

MOMENT = "2026-11-21T06:00:00Z"
UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
RUN, EARLIER = "2026-11-21", "2026-11-20"
S3, DYNAMODB, SECRETS = boto3.client("s3"), boto3.client("dynamodb"), boto3.client("secretsmanager")
SOURCES = [{"source": "directory", "list": f"runs/{RUN}/directory.jsonl"}, {"source": "iam"}]


def account(user: str, days: float = 7.5, **more: Any) -> Account:  # noqa: ANN401  # whatever an account has
    values = {"mail": f"{user}@example.com", "expires_at": NOW + timedelta(days=days), **more}
    return Account(source="directory", id=user, user=user, **values)


@pytest.fixture
def lists(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Return the stack with what the reminders keep."""
    S3.create_bucket(
        Bucket=os.environ["REMINDER_RUNS_BUCKET"],
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    DYNAMODB.create_table(
        TableName=os.environ["IDEMPOTENCY_TABLE"],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    login = {"username": "u", "password": "p", "host": "smtp.example.com", "port": 587}
    secret = SECRETS.create_secret(Name="smtp", SecretString=json.dumps(login))
    monkeypatch.setenv("SMTP_SECRET", secret["Name"])
    return stack


def plan(accounts: list[Account], **given: Any) -> dict[str, Any]:  # noqa: ANN401  # an event's fields
    s3.write_lines(SOURCES[0]["list"], (each.as_json() for each in accounts))
    event = {"execution": RUN, "moment": MOMENT, "user": "", "mode": "", "sources": SOURCES, **given}
    handler: Any = plan_reminders.handler
    result: dict[str, Any] = handler(event, CONTEXT)
    return result


def record_sent(*reminders: Reminder) -> None:
    """Record that an earlier run sent the reminders."""
    keys = [each.key for each in reminders]
    with ReminderIdempotency(EARLIER, keys, time.time() + 60) as record:
        for key in keys:
            assert record.claim(key) is None
            record.mark_sent(key)


@pytest.mark.usefixtures("lists")
class TestPlan:
    def test_batches_hold_all_who_are_due(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SEND_RATE", "0.1")
        result = plan([account("a"), account("b", 5.5), account("c", 16.5), account("d", 1.5)])
        batches = s3.read_json(result["batches"])
        due = [Reminder.from_json(line) for each in batches for line in s3.read_lines(each["batch"])]
        assert [(each.account.user, each.days_left, each.threshold) for each in due] == [
            ("a", 7, 7),
            ("b", 5, 7),
            ("d", 1, 1),
        ]
        assert (result["due"], len(batches)) == (3, 2)
        counts = s3.read_json(f"runs/{RUN}/counts.json")
        assert (counts["outcomes"], sum(counts["expiries"])) == ({"not due": 1}, 4)
        assert [counts["expiries"][day] for day in (1, 5, 7, 16)] == [1, 1, 1, 1]

    def test_senders_share_the_rate_of_the_account(self, lists: Stack) -> None:
        lists.answer("GetAccount", {"SendQuota": {"MaxSendRate": 14.0}})
        assert plan([account("a")])["per_second"] == pytest.approx(14 * 0.8 / 5)

    def test_a_given_rate_goes_before_the_accounts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SEND_RATE", "50")
        assert plan([account("a")])["per_second"] == 10

    def test_a_test_run_is_short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SEND_RATE", "50")
        assert plan([account(str(number)) for number in range(30)], mode="test")["due"] == 20
        others = [ReportRow.from_json(line) for line in s3.read_lines(f"runs/{RUN}/others.jsonl")]
        assert {row.outcome for row in others} == {Outcome.NOT_SENT}

    def test_an_empty_list_makes_no_batch(self) -> None:
        result = plan([])
        assert (result["due"], s3.read_json(result["batches"])) == (0, [])

    def test_who_was_told_of_a_threshold_is_not_due_for_it_again(self) -> None:
        record_sent(Reminder(account("a"), 7, 7), Reminder(account("b"), 15, 15))
        assert plan([account("a"), account("b")])["due"] == 1
        (row,) = [ReportRow.from_json(line) for line in s3.read_lines(f"runs/{RUN}/others.jsonl")]
        assert (row.reminder.account.user, row.outcome, row.reason) == (
            "a",
            Outcome.ALREADY_MAILED,
            f"by {EARLIER}",
        )

    def test_people_whose_password_has_expired_are_due_for_a_week_and_only_where_the_stack_says_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expired = [account("a", -0.5), account("b", -14.5), account("c", -16.5)]
        assert plan(expired)["due"] == 2
        monkeypatch.setenv("NOTIFY_AFTER_DAYS", "")
        assert plan(expired)["due"] == 0

    def test_a_test_run_sends_again_what_was_sent(self) -> None:
        record_sent(Reminder(account("a"), 7, 7))
        assert plan([account("a")], mode="test")["due"] == 1

    def test_an_expiry_that_is_unknown_is_reported_with_the_reason(self) -> None:
        assert plan([account("a", expires_at=Expiry.UNKNOWN)])["due"] == 0
        (row,) = [ReportRow.from_json(line) for line in s3.read_lines(f"runs/{RUN}/others.jsonl")]
        assert (row.outcome, row.reason) == (
            Outcome.FAILED,
            "the source does not tell when the password expires",
        )

    def test_who_asks_about_a_user_is_told_and_nothing_is_planned(self) -> None:
        result = plan([account("a", policy="weekly")], user="a")
        assert (result["due"], result["answers"][0]["policy"]) == (0, "weekly")
        assert result["answers"][0]["days_left"] == 7

    def test_batches_take_as_long_at_any_rate(self) -> None:
        assert [plan_reminders.batch_size(rate) for rate in (0.01, 1, 10, 1000)] == [1, 20, 200, 500]


@pytest.fixture
def box(lists: Stack, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    assert lists
    made = Mailbox()
    monkeypatch.setattr(send_reminders, "SmtpClient", made)
    return made


PAGE = "https://reset.example.com/generate"
BATCH = f"runs/{RUN}/batches/00000.jsonl"


def send(names: str, *, run: str = RUN, test: bool = False, milliseconds: int = 300_000) -> list[ReportRow]:
    s3.write_lines(BATCH, (Reminder(account(each), 7, 7).as_json() for each in names))
    event = {"execution": run, "batch": BATCH, "per_second": 1000.0, "test": test}
    try:
        send_reminders.handler(event, LambdaContext(milliseconds=milliseconds))  # type: ignore[arg-type]  # a TypedDict
    finally:
        rows = [ReportRow.from_json(line) for line in s3.read_lines(s3.result_key(BATCH))]
    return rows


class TestSend:
    def test_each_user_is_mailed_once_and_the_report_knows_by_which_run(self, box: Mailbox) -> None:
        assert [row.outcome for row in send("ab", run=EARLIER)] == [Outcome.MAILED] * 2
        rows = send("abc")
        assert [row.outcome for row in rows] == [Outcome.ALREADY_MAILED] * 2 + [Outcome.MAILED]
        assert rows[0].reason == f"by {EARLIER}"
        assert box.mailed == ["a@example.com", "b@example.com", "c@example.com"]

    def test_another_try_of_the_same_run_counts_as_mailed(self, box: Mailbox) -> None:
        send("a")
        assert [row.outcome for row in send("a")] == [Outcome.MAILED]
        assert box.mailed == ["a@example.com"]

    def test_a_refused_recipient_fails_alone_and_is_tried_by_the_next_run(self, box: Mailbox) -> None:
        box.errors["a@example.com"] = RecipientRefusedError("550 no such user")
        assert [row.outcome for row in send("ab")] == [Outcome.FAILED, Outcome.MAILED]
        box.errors.clear()
        assert [row.outcome for row in send("ab")] == [Outcome.MAILED] * 2

    def test_what_stops_the_run_leaves_the_rest_unsent_and_says_why(self, box: Mailbox) -> None:
        box.errors["b@example.com"] = MailQuotaExceededError("454 Daily message quota exceeded")
        with pytest.raises(MailQuotaExceededError):
            send("abc")
        rows = [ReportRow.from_json(line) for line in s3.read_lines(s3.result_key(BATCH))]
        assert [row.outcome for row in rows] == [Outcome.MAILED, Outcome.NOT_SENT, Outcome.NOT_SENT]
        assert "quota" in rows[2].reason

    def test_who_was_mailed_before_is_not_among_the_unsent(self, box: Mailbox) -> None:
        send("b", run=EARLIER)
        send("c")
        box.errors["a@example.com"] = MailQuotaExceededError("454 Daily message quota exceeded")
        with pytest.raises(MailQuotaExceededError):
            send("abcd")
        rows = [ReportRow.from_json(line) for line in s3.read_lines(s3.result_key(BATCH))]
        assert [row.outcome for row in rows] == [
            Outcome.NOT_SENT,
            Outcome.ALREADY_MAILED,
            Outcome.MAILED,
            Outcome.NOT_SENT,
        ]

    def test_where_that_cannot_be_looked_up_the_rest_is_unsent(self, box: Mailbox, lists: Stack) -> None:
        send("b", run=EARLIER)
        box.errors["a@example.com"] = MailQuotaExceededError("454 Daily message quota exceeded")
        lists.answer("BatchGetItem", client_error("AccessDeniedException"))
        with pytest.raises(MailQuotaExceededError):
            send("abc")
        rows = [ReportRow.from_json(line) for line in s3.read_lines(s3.result_key(BATCH))]
        assert {row.outcome for row in rows} == {Outcome.NOT_SENT}

    def test_what_was_claimed_and_not_sent_is_free_for_the_next_run_at_once(self, box: Mailbox) -> None:
        box.errors["a@example.com"] = MailQuotaExceededError("454 Daily message quota exceeded")
        with pytest.raises(MailQuotaExceededError):
            send("abc", run=EARLIER)
        box.errors.clear()
        assert [row.outcome for row in send("abc")] == [Outcome.MAILED] * 3

    def test_time_that_runs_out_is_for_another_try(self, box: Mailbox) -> None:
        with pytest.raises(BatchUnfinishedError):
            send("ab", milliseconds=60_000)
        assert box.mailed == []

    def test_a_test_mails_the_administrator_and_leaves_no_record(self, box: Mailbox) -> None:
        send("ab", test=True)
        send("ab")
        assert box.mailed == ["ops@example.com"] * 2 + ["a@example.com", "b@example.com"]

    def test_a_test_that_is_stopped_takes_no_mail_of_another_run_for_its_own(self, box: Mailbox) -> None:
        send("b", run=EARLIER)
        box.errors["ops@example.com"] = MailQuotaExceededError("454 Daily message quota exceeded")
        with pytest.raises(MailQuotaExceededError):
            send("ab", test=True)
        rows = [ReportRow.from_json(line) for line in s3.read_lines(s3.result_key(BATCH))]
        assert [row.outcome for row in rows] == [Outcome.NOT_SENT] * 2

    def test_a_test_without_an_administrator_sends_no_mail(
        self, box: Mailbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ADMIN_ADDRESS", "")
        assert [row.outcome for row in send("ab", test=True)] == [Outcome.FAILED] * 2
        assert box.mailed == []

    def test_what_cannot_be_claimed_is_not_sent(self, box: Mailbox, lists: Stack) -> None:
        lists.refuse("TransactWriteItems", "AccessDeniedException")
        with pytest.raises(AccessDeniedError):
            send("a")
        assert box.mailed == []

    def test_a_mail_that_another_try_is_sending_is_left_to_it(self, box: Mailbox) -> None:
        key = Reminder(account("b"), 7, 7).key
        with ReminderIdempotency(EARLIER, [key], time.time() + 60) as other:
            other.claim(key)
            with pytest.raises(ReminderInProgressError):
                send("abc")
        rows = [ReportRow.from_json(line) for line in s3.read_lines(s3.result_key(BATCH))]
        assert [row.outcome for row in rows] == [Outcome.MAILED, Outcome.NOT_SENT, Outcome.MAILED]
        assert box.mailed == ["a@example.com", "c@example.com"]

    def test_a_password_that_does_not_expire_has_no_reminder(self) -> None:
        with pytest.raises(TypeError, match="does not expire"):
            send_reminders.about(Reminder(account("a", expires_at=Expiry.NEVER), 7, 7))

    def test_the_link_leads_where_directory_users_are_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIRECTORY_PASSWORD_URL", "https://passwords.example.com")
        reminder = Reminder(account("a b"), 1, 1)
        name, values = send_reminders.about(reminder)
        assert (name, values["link"]) == ("reminder", "https://passwords.example.com")
        assert values["in_days"] == InDays(1)

    @pytest.mark.parametrize(
        ("source", "resettable", "page", "link"),
        [
            ("iam", True, PAGE, f"{PAGE}?user=a%20b@example.com"),
            ("iam", False, PAGE, ""),
            ("iam", True, "", ""),
            ("directory", True, PAGE, f"{PAGE}?account=directory&user=a%20b@example.com"),
            ("directory", False, PAGE, ""),
            ("directory", True, "", ""),
        ],
        ids=[
            "an IAM user who may be reset",
            "a protected IAM user",
            "an IAM user where no browser may ask",
            "a user of the directory who may be reset",
            "a user of the directory who may not",
            "a user of the directory where no browser may ask",
        ],
    )
    def test_a_reminder_offers_no_page_that_would_refuse(
        self, monkeypatch: pytest.MonkeyPatch, source: str, page: str, link: str, *, resettable: bool
    ) -> None:
        monkeypatch.setenv("REQUEST_PAGE", page)
        user = replace(account("a b@example.com"), source=source, resettable=resettable)
        assert send_reminders.link_for(user) == link

    def test_who_may_not_be_reset_is_told_to_change_the_password_without_a_link(self, box: Mailbox) -> None:
        send("a")
        (mail,) = box.mails
        assert "Please change it before then where you sign in." in mail.text
        assert "https://" not in mail.text


def record(*keys: str, run: str = RUN, seconds: float = 60) -> ReminderIdempotency:
    return ReminderIdempotency(run, keys, time.time() + seconds)


@pytest.mark.usefixtures("lists")
class TestRecord:
    def test_a_reminder_being_sent_is_left_to_its_sender(self) -> None:
        with record("key") as first, record("key") as second:
            assert first.claim("key") is None
            with pytest.raises(ReminderInProgressError):
                second.claim("key")
            first.mark_sent("key")
        assert sent_by(["key"]) == {"key": RUN}

    def test_a_reminder_that_was_sent_names_its_run(self) -> None:
        with record("a", run=EARLIER) as first:
            first.claim("a")
            first.mark_sent("a")
        with record("a", "b") as second:
            assert [second.claim(each) for each in "ab"] == [EARLIER, None]

    def test_a_mail_that_was_not_recorded_is_sent_again_after_its_sender_has_ended(
        self, lists: Stack
    ) -> None:
        with record("key", run=EARLIER, seconds=-2) as first:
            first.claim("key")
            lists.refuse("PutItem", "InternalServerError", 500)
            with pytest.raises(ServiceUnavailableError):
                first.mark_sent("key")
        with record("key") as second:
            assert second.claim("key") is None

    def test_a_mail_that_was_not_recorded_is_not_sent_again_while_its_sender_may_run(
        self, lists: Stack
    ) -> None:
        with record("key", run=EARLIER) as first:
            first.claim("key")
            lists.refuse("PutItem", "InternalServerError", 500)
            with pytest.raises(ServiceUnavailableError):
                first.mark_sent("key")
        with record("key") as second, pytest.raises(ReminderInProgressError):
            second.claim("key")

    def test_claims_are_made_together_and_what_was_not_sent_is_given_up(self, lists: Stack) -> None:
        keys = [str(number) for number in range(60)]
        with record(*keys) as first:
            for key in keys[:30]:
                assert first.claim(key) is None
                first.mark_sent(key)
        assert len(lists.sent("TransactWriteItems")) == 3
        assert len(sent_by(keys)) == 30
        with record(*keys, run="next") as second:
            assert [second.claim(key) for key in keys] == [RUN] * 30 + [None] * 30

    def test_claims_that_cannot_be_given_up_end_with_the_invocation(self, lists: Stack) -> None:
        with record("key") as first:
            first.claim("key")
            lists.refuse("TransactWriteItems", "InternalServerError", 500)
        with record("key") as second, pytest.raises(ReminderInProgressError):
            second.claim("key")

    def test_two_transactions_at_once_are_for_another_try(self, lists: Stack) -> None:
        error = client_error("TransactionCanceledException")
        error.response["CancellationReasons"] = [{"Code": "TransactionConflict"}]
        lists.answer("TransactWriteItems", error)
        with record("key") as first, pytest.raises(ThrottledError, match="TransactionConflict"):
            first.claim("key")

    def test_what_dynamodb_leaves_unread_is_asked_for_again(
        self, lists: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reminder_idempotency, "_PAUSES", (0, 0))
        table = os.environ["IDEMPOTENCY_TABLE"]
        unread = {"Responses": {table: []}, "UnprocessedKeys": {table: {"Keys": [{"id": {"S": "key"}}]}}}
        lists.answer("BatchGetItem", unread)
        with pytest.raises(ThrottledError):
            sent_by(["key"])
        assert len(lists.sent("BatchGetItem")) == 2

    def test_records_name_no_user_and_outlive_the_longest_threshold(self) -> None:
        record_sent(Reminder(account("alice"), 7, 7))
        (item,) = DYNAMODB.scan(TableName=os.environ["IDEMPOTENCY_TABLE"])["Items"]
        assert "alice" not in json.dumps(item)
        left = int(item["expires_at"]["N"]) - datetime.now(UTC).timestamp()
        assert timedelta(days=1099) < timedelta(seconds=left) <= timedelta(days=1100)


def write_run(*, results: bool = True) -> None:
    """Store what a run stores before its report."""
    reminders = [Reminder(account("a"), 7, 7), Reminder(account("b", name="=cmd()"), 7, 7)]
    s3.write_lines(BATCH, (each.as_json() for each in reminders))
    if results:
        rows = [ReportRow(reminders[0], Outcome.MAILED), ReportRow(reminders[1], Outcome.FAILED, "550")]
        s3.write_lines(s3.result_key(BATCH), (row.as_json() for row in rows))
    other = ReportRow(Reminder(account("c", expires_at=Expiry.NEVER)), Outcome.NEVER_EXPIRES)
    s3.write_lines(f"runs/{RUN}/others.jsonl", [other.as_json()])
    s3.write_json(f"runs/{RUN}/counts.json", {"outcomes": {"not due": 5}, "expiries": [3, 0, 9]})


def reported(**given: Any) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:  # noqa: ANN401  # an event's fields
    event = {"execution": RUN, "moment": MOMENT, "mode": "", "sources": SOURCES, "failures": [], **given}
    result: Any = report.handler(event, CONTEXT)  # type: ignore[arg-type]  # a TypedDict
    body = S3.get_object(Bucket=os.environ["REMINDER_RUNS_BUCKET"], Key=f"runs/{RUN}/report.csv")["Body"]
    rows = csv.DictReader(body.read().decode().splitlines())
    return result, {row["user"]: row for row in rows}


@pytest.mark.usefixtures("lists")
class TestReport:
    def test_everybody_is_in_the_file_and_counted(self) -> None:
        write_run()
        result, rows = reported()
        assert {user: row["outcome"] for user, row in rows.items()} == {
            "a": "mailed",
            "b": "failed",
            "c": "never expires",
        }
        assert result["counts"] == {"not due": 5, "mailed": 1, "failed": 1, "never expires": 1}
        assert result["problems"] == []
        assert rows["b"]["name"] == "'=cmd()"

    def test_the_page_beside_the_file_shows_figures_expiries_and_who_failed(self) -> None:
        write_run()
        reported()
        found = S3.get_object(Bucket=os.environ["REMINDER_RUNS_BUCKET"], Key=f"runs/{RUN}/report.html")
        html = found["Body"].read().decode()
        assert found["ContentType"] == "text/html; charset=utf-8"
        assert "1 mailed" in html.lower()
        assert "At most 9 on one day" in html
        assert "<td>b</td>" in html
        assert "<td>a</td>" not in html

    def test_a_batch_without_results_was_not_sent(self) -> None:
        write_run(results=False)
        result, rows = reported(failures=[{"Error": "States.Timeout", "Cause": ""}])
        assert rows["a"]["outcome"] == "not sent"
        assert result["problems"] == ["2 not sent: the run ended before", "States.Timeout"]

    def test_what_a_sender_noted_before_it_failed_is_told_once(self) -> None:
        write_run()
        noted = ReportRow(Reminder(account("a"), 7), Outcome.NOT_SENT, "MailRefusedError: paused")
        s3.write_lines(s3.result_key(BATCH), [noted.as_json()])
        failed = {"Error": "MailRefusedError", "Cause": '{"errorMessage": "paused"}'}
        assert reported(failures=[failed])[0]["problems"] == ["1 not sent: MailRefusedError: paused"]

    def test_times_that_may_not_be_read_are_a_problem(self) -> None:
        write_run()
        unknown = ReportRow(Reminder(account("c", expires_at=Expiry.UNKNOWN)), Outcome.FAILED, "not told")
        s3.write_lines(f"runs/{RUN}/others.jsonl", [unknown.as_json()])
        assert reported()[0]["problems"] == ["1 failed: not told"]

    def test_reminders_of_a_dry_run_are_due_and_not_sent(self) -> None:
        write_run(results=False)
        result, rows = reported(mode="dry-run")
        assert rows["a"]["outcome"] == "due"
        assert result["problems"] == []

    @pytest.mark.parametrize("outcome", [Outcome.NOT_SENT, Outcome.FAILED])
    def test_a_test_run_that_sent_nothing_is_a_problem(self, outcome: Outcome) -> None:
        write_run()
        down = [
            ReportRow(Reminder(account(user), 7, 7), outcome, "SmtpUnavailableError: down") for user in "ab"
        ]
        s3.write_lines(s3.result_key(BATCH), (row.as_json() for row in down))
        assert reported(mode="test")[0]["problems"] == [f"2 {outcome}: SmtpUnavailableError: down"]

    def test_a_test_run_that_is_full_is_no_problem(self) -> None:
        write_run()
        s3.write_lines(
            s3.result_key(BATCH), [ReportRow(Reminder(account("a"), 7, 7), Outcome.MAILED).as_json()]
        )
        beyond = ReportRow(Reminder(account("c"), 7, 7), Outcome.NOT_SENT, TEST_IS_FULL)
        s3.write_lines(f"runs/{RUN}/others.jsonl", [beyond.as_json()])
        assert reported(mode="test")[0]["problems"] == []

    @pytest.mark.parametrize(
        ("cause", "said"),
        [
            ('{"errorMessage": "No server.", "errorType": "x"}', "directory: DownError: No server."),
            ("plain", "directory: DownError: plain"),
            ("[]", "directory: DownError: []"),
        ],
    )
    def test_a_source_that_failed_is_told_in_its_own_words(self, cause: str, said: str) -> None:
        write_run()
        failed = {"source": "directory", "failure": {"Error": "DownError", "Cause": cause}}
        assert reported(sources=[failed])[0]["problems"] == [said]

    def test_without_an_administrator_there_is_no_mail(
        self, lists: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_run()
        monkeypatch.setenv("ADMIN_ADDRESS", "")
        reported()
        assert lists.sent("SendEmail") == []

    @pytest.mark.parametrize(("mode", "counted"), [("", [[1.0]]), ("dry-run", []), ("test", [])])
    def test_only_a_real_run_counts_as_the_days(
        self, lines: Callable[[], list[dict[str, Any]]], mode: str, counted: list[list[float]]
    ) -> None:
        write_run()
        reported(mode=mode)
        assert [line["RemindersReported"] for line in lines() if "RemindersReported" in line] == counted

    def test_more_reasons_than_fit_are_told_by_their_number(self) -> None:
        write_run()
        rows = [
            ReportRow(Reminder(account(str(each)), 7), Outcome.NOT_SENT, f"reason {each}")
            for each in range(30)
        ]
        s3.write_lines(f"runs/{RUN}/others.jsonl", (row.as_json() for row in rows))
        problems = reported()[0]["problems"]
        assert (len(problems), problems[-1]) == (21, "10 other reasons, see the report")

    def test_the_mail_names_no_user(self, lists: Stack) -> None:
        write_run()
        reported()
        assert "a@example.com" not in json.dumps(lists.sent("SendEmail"))


class TestListIamUsers:
    def listed(self, stack: Stack, user: str = "") -> list[Account]:
        head = "user,arn,password_enabled,password_last_changed"
        rows = [
            f"{name},arn:aws:iam::123456789012:user/{name},true,{changed}"
            for name, changed in self.changed.items()
        ]
        stack.answer("GenerateCredentialReport", {"State": "COMPLETE"})
        stack.answer("GetCredentialReport", {"Content": "\n".join([head, *rows]).encode()})
        moment = RunWindow.of(NOW, UTC_ZONE)
        return list(list_iam_users.list_iam_users(moment, user))

    changed: ClassVar = {
        "due@example.com": (NOW - timedelta(days=82.5)).isoformat(),
        "fresh@example.com": NOW.isoformat(),
        "gone@example.com": (NOW - timedelta(days=82.5)).isoformat(),
        "nameless": (NOW - timedelta(days=82.5)).isoformat(),
    }

    @pytest.fixture(autouse=True)
    def _users(self, stack: Stack) -> None:
        IAM.update_account_password_policy(MaxPasswordAge=90)
        stack.add_user("due@example.com", tags={"email": "elsewhere@example.com"})
        stack.add_user("fresh@example.com")
        stack.add_user("nameless")

    def test_addresses_are_looked_up_for_those_who_are_due(self, stack: Stack) -> None:
        mails = {each.user: each.mail for each in self.listed(stack)}
        assert mails == {
            "due@example.com": "elsewhere@example.com",
            "fresh@example.com": "",
            "gone@example.com": "",
            "nameless": "",
        }
        assert [sent["UserName"] for sent in stack.sent("GetUser")] == [
            "due@example.com",
            "gone@example.com",
            "nameless",
        ]

    @pytest.mark.parametrize(
        ("user", "group", "resettable"),
        [
            ({}, "Developers", True),
            ({"tags": {"Latchkey:Protected": ""}}, "", False),
            ({"path": "/admins/"}, "", False),
            ({}, "administrators", False),
        ],
        ids=["an ordinary user", "protected by a tag", "by the path", "by a group"],
    )
    def test_a_reset_is_offered_to_those_whom_it_would_let_pass(
        self,
        stack: Stack,
        monkeypatch: pytest.MonkeyPatch,
        user: dict[str, Any],
        group: str,
        *,
        resettable: bool,
    ) -> None:
        monkeypatch.setattr(type(self), "changed", {"erin@example.com": self.changed["due@example.com"]})
        stack.add_user("erin@example.com", **{**user, "tags": {"Language": "fr", **user.get("tags", {})}})
        if group:
            IAM.create_group(GroupName=group)
            IAM.add_user_to_group(GroupName=group, UserName="erin@example.com")
        (erin,) = self.listed(stack)
        assert (erin.resettable, erin.language) == (resettable, "fr")

    def test_one_user_is_found_without_regard_to_case(self, stack: Stack) -> None:
        (found,) = self.listed(stack, "FRESH@example.com")
        assert found.mail == "fresh@example.com"

    def test_without_a_maximum_age_iam_is_not_asked(self, stack: Stack) -> None:
        IAM.delete_account_password_policy()
        assert self.listed(stack) == []
        assert stack.sent("GenerateCredentialReport") == []

    def asked(self, stack: Stack, user: str) -> dict[str, Any]:
        self.listed(stack)  # prepares the report
        event: Any = {"execution": RUN, "moment": MOMENT, "user": user}
        result: Any = list_iam_users.handler(event, CONTEXT)
        return dict(result)

    @pytest.mark.usefixtures("lists")
    def test_who_asks_about_a_user_that_is_not_listed_is_told_why(self, stack: Stack) -> None:
        assert "because" not in self.asked(stack, "due@example.com")
        assert "no such user" in self.asked(stack, "unknown@example.com")["because"]
        stack.answer("GetCredentialReport", {"Content": b"user,arn,password_enabled\nRobot,arn:robot,false"})
        assert "no console password" in list_iam_users.why_not_listed("robot")
        IAM.delete_account_password_policy()
        assert "no maximum age" in list_iam_users.why_not_listed("due@example.com")

    def test_a_report_in_the_making_is_waited_for(self, stack: Stack) -> None:
        stack.answer("GenerateCredentialReport", {"State": "STARTED"})
        with pytest.raises(ReportNotReadyError, match="STARTED"):
            list(list_iam_users.list_iam_users(RunWindow.of(NOW, UTC_ZONE), ""))


def test_the_senders_are_as_many_as_the_definition_lets_run() -> None:
    definition = json.loads(
        (Path(__file__).parents[2] / "statemachines" / "reminders.asl.json").read_text("utf-8")
    )
    assert definition["States"]["MailBatches"]["MaxConcurrency"] == plan_reminders.SENDERS


def test_a_stopped_run_waits_as_long_as_its_senders_may_go_on() -> None:
    root = Path(__file__).parents[2]
    states = read_definition(root / "statemachines" / "reminders.asl.json")["States"]
    functions = read_template(root / "template.yaml")["Resources"]
    timeout = functions["SendRemindersFunction"]["Properties"]["Timeout"]
    assert states["AwaitSenders"]["Seconds"] == int(timeout)


def enter(function: str, event: dict[str, Any]) -> object:
    handler: Any = import_module(f"reminders.{function}").handler
    return handler(event, CONTEXT)


@pytest.fixture
def on_its_way(lists: Stack, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Return a stack in the middle of a run: lists and batches are there, whichever a step needs."""
    assert box.mailed == []
    IAM.update_account_password_policy(MaxPasswordAge=90)
    # The next request finds it made.
    IAM.generate_credential_report()
    lists.answer("GetAccount", {"SendQuota": {"MaxSendRate": 14.0}})
    s3.write_lines(SOURCES[0]["list"], [account("a").as_json(), account("b", 30).as_json()])
    write_run(results=False)
    monkeypatch.setattr(list_directory_users, "DirectoryAccounts", lambda *_, **__: Listed())
    secret = SECRETS.create_secret(Name="directory", SecretString='{"username": "u", "password": "p"}')
    for name, value in {
        "DIRECTORY_SECRET": secret["Name"],
        "DIRECTORY_HOSTS": "dc1",
        "DIRECTORY_CA_CERTIFICATE": "MIIA,MIIB",
        "DIRECTORY_SEARCH_BASES": "DC=a; DC=b",
        "DIRECTORY_EXCLUSION_GROUP": "",
        "DIRECTORY_PROTECTED_GROUPS": "",
    }.items():
        monkeypatch.setenv(name, value)
    return lists


class Listed:
    """Stands for a directory with one account."""

    refusal = ""

    def all(self) -> list[Account]:
        return [account("a")]


FUNCTIONS = {
    "list_iam_users": ValueError,
    "list_directory_users": KeyError,
    "plan_reminders": KeyError,
    "send_reminders": ZeroDivisionError,
    "report": KeyError,
}


@pytest.mark.usefixtures("on_its_way")
class TestEvents:
    def test_every_function_is_here(self) -> None:
        folder = Path(__file__).parents[2] / "functions" / "reminders"
        assert {path.stem for path in folder.glob("[!_]*.py")} == FUNCTIONS.keys()

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_a_function_accepts_its_valid_event_also_twice(self, function: str) -> None:
        event = load_event(f"{function}_valid")
        first = json.dumps(enter(function, event))
        assert json.dumps(enter(function, event)) == first

    @pytest.mark.parametrize(("function", "error"), FUNCTIONS.items())
    def test_a_function_refuses_its_invalid_event(self, function: str, error: type[Exception]) -> None:
        with pytest.raises(error):
            enter(function, load_event(f"{function}_invalid"))

    def test_the_directory_is_as_the_variables_say(self) -> None:
        settings = Settings.of(os.environ)
        assert (settings.hosts, settings.bases) == (("dc1",), ("DC=a", "DC=b"))
        assert settings.authorities == ("MIIA", "MIIB")

    def test_what_resets_would_stumble_over_is_reported_though_people_are_listed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Listed, "refusal", "It may not read tokenGroups.")
        source: Any = enter("list_directory_users", {"execution": RUN, "user": ""})
        assert source["users"] == 1
        event: Any = {"sources": [source], "failures": []}
        assert report.problems_of(event, Counter()) == [
            "directory: DirectorySearchError: It may not read tokenGroups."
        ]

    def test_a_secret_without_a_password_is_no_service_account(self, on_its_way: Stack) -> None:
        on_its_way.answer("GetSecretValue", {"SecretString": '{"username": "u"}'})
        with pytest.raises(DirectoryLoginError, match="no password"):
            enter("list_directory_users", load_event("list_directory_users_valid"))
