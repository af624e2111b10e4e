"""NotifyClaimed, NotifyExpired and NotifyFailed tell the user how a reset ended."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from latchkey.adapters import registry
from latchkey.domain.action_links import LinkKind
from latchkey.domain.claims import asked_for, proves, user_key
from latchkey.errors import LatchkeyError, MailRefusedError, ThrottledError
from reset import notify_claimed, notify_expired, notify_failed, notify_unlocked
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, REQUEST_WINDOW, Stack

type Lines = Callable[[], list[dict[str, Any]]]

SUBJECTS = {
    notify_claimed: "Your temporary password was shown",
    notify_expired: "Your password link expired",
    notify_failed: "Your password could not be reset",
    notify_unlocked: "Your account is unlocked",
}
METRICS = {
    notify_claimed: "Claimed",
    notify_expired: "Expired",
    notify_failed: "Failed",
    notify_unlocked: "Unlocked",
}
EACH_NOTICE = pytest.mark.parametrize("notice", METRICS, ids=METRICS.values())


def notify(
    notice: ModuleType,
    user: str = "alice",
    error: str = "SealBrokenError",
    claimed_from: str = "192.0.2.10",
    *,
    unlock: bool = False,
) -> None:
    event = {
        "execution": EXECUTION,
        "user": user,
        "name": user,
        "mail": ALICE,
        "language": "",
        "claimed_at": "2026-03-01T09:30:00+00:00",
        "claimed_from": claimed_from,
        "window": user_key("alice"),
        "unlock": unlock,
        "error": error,
    }
    notice.handler(event, CONTEXT)


@pytest.fixture(autouse=True)
def _users(stack: Stack) -> None:
    for name in ("alice", "boss@example.com", ALICE.upper()):
        stack.add_user(name, tags={"email": ALICE})


def text(stack: Stack) -> str:
    return stack.mails()[-1].text


def test_a_failure_before_the_user_was_found_is_told_without_a_name_and_mails_no_one(stack: Stack) -> None:
    notify_failed.handler(
        {
            "execution": EXECUTION,
            "user": "",
            "name": "",
            "mail": "",
            "language": "",
            "window": "",
            "unlock": False,
            "error": "",
        },
        CONTEXT,
    )
    assert stack.told() == [("Failed", {"stack": "latchkey-test", "execution": EXECUTION})]
    assert stack.mails() == []


def test_an_account_that_could_not_be_unlocked_has_words_of_its_own(stack: Stack) -> None:
    notify(notify_failed, unlock=True)
    (mail,) = stack.mails()
    assert mail.subject == "Your account could not be unlocked"


@EACH_NOTICE
def test_a_notice_goes_to_the_users_address(stack: Stack, notice: ModuleType) -> None:
    notify(notice)
    (mail,) = stack.mails()
    assert (mail.to, mail.subject) == (ALICE, SUBJECTS[notice])


# What is no address comes from who may end waits, and would be a text of theirs in the stack's own mail.
@pytest.mark.parametrize("claimed_from", ["", "Ring +49 1 at once", "fe80::1%Ring +49 1 at once"])
def test_a_notice_of_a_claim_through_a_proxy_names_no_address(stack: Stack, claimed_from: str) -> None:
    notify(notify_claimed, claimed_from=claimed_from)
    assert "it is not known from which network address" in text(stack)
    assert "at the network address" not in text(stack)


@EACH_NOTICE
def test_a_notice_goes_to_the_users_name_too_where_a_tag_names_another_address(
    stack: Stack, notice: ModuleType
) -> None:
    notify(notice, "boss@example.com")
    assert [mail.to for mail in stack.mails()] == ["boss@example.com", ALICE]


@EACH_NOTICE
def test_one_address_gets_a_notice_once(stack: Stack, notice: ModuleType) -> None:
    notify(notice, ALICE.upper())
    assert [mail.to for mail in stack.mails()] == [ALICE]


@EACH_NOTICE
def test_a_name_that_takes_no_mail_keeps_no_notice_from_the_users_address(
    stack: Stack, notice: ModuleType
) -> None:
    stack.refuse("SendEmail", "MessageRejected")
    notify(notice, "boss@example.com")
    assert [mail.to for mail in stack.mails()] == ["boss@example.com", ALICE]


@EACH_NOTICE
def test_a_notice_that_may_pass_later_is_tried_again(stack: Stack, notice: ModuleType) -> None:
    stack.refuse("SendEmail", "TooManyRequestsException")
    with pytest.raises(ThrottledError):
        notify(notice, "boss@example.com")


@pytest.mark.usefixtures("stack")
@EACH_NOTICE
def test_a_notice_is_counted_once(lines: Lines, notice: ModuleType) -> None:
    notify(notice)
    assert [line[METRICS[notice]] for line in lines() if "_aws" in line] == [[1.0]]


@pytest.mark.usefixtures("stack")
@EACH_NOTICE
def test_no_dimension_of_a_metric_names_the_user(lines: Lines, notice: ModuleType) -> None:
    notify(notice)
    assert "alice" not in json.dumps([line for line in lines() if "_aws" in line])


@EACH_NOTICE
@pytest.mark.parametrize(
    ("code", "error"), [("MessageRejected", MailRefusedError), ("TooManyRequestsException", ThrottledError)]
)
def test_an_outcome_counts_even_where_its_mail_is_refused(
    stack: Stack,
    lines: Lines,
    notice: ModuleType,
    code: str,
    error: type[LatchkeyError],
) -> None:
    stack.refuse("SendEmail", code)
    with pytest.raises(error):
        notify(notice)
    assert [line[METRICS[notice]] for line in lines() if "_aws" in line] == [[1.0]]


def test_the_claimed_notice_says_when_and_from_where(stack: Stack) -> None:
    notify(notify_claimed)
    assert "on Sunday, 1 March 2026, 09:30 UTC, at the network address 192.0.2.10." in text(stack)


@pytest.mark.parametrize("notice", [notify_expired, notify_failed])
def test_a_notice_of_no_success_says_where_to_ask_again(stack: Stack, notice: ModuleType) -> None:
    notify(notice)
    assert "https://reset.example.com/generate" in text(stack).splitlines()


@pytest.mark.parametrize("notice", [notify_expired, notify_failed])
def test_a_notice_names_no_page_that_takes_no_browsers_request(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, notice: ModuleType
) -> None:
    monkeypatch.setenv("REQUEST_PAGE", "")
    notify(notice)
    assert "https://" not in text(stack)
    assert "your administrators" in text(stack)


@pytest.mark.parametrize("notice", [notify_expired, notify_failed])
def test_a_notice_to_a_user_of_the_directory_leads_to_that_account(stack: Stack, notice: ModuleType) -> None:
    notify(notice, user="directory/8af02d8d-ffa8-483b-a016-16e9f430b206")
    assert "https://reset.example.com/generate?account=directory" in text(stack).splitlines()


def test_a_user_who_may_not_change_the_password_is_told_so_and_not_to_ask_again(stack: Stack) -> None:
    notify(notify_failed, error="PasswordChangeDeniedError")
    (mail,) = stack.mails()
    assert mail.subject == "Your password was not changed"
    assert "this account is not allowed to change it" in text(stack)
    assert "https://" not in text(stack)


@EACH_NOTICE
def test_a_notice_is_published_too(stack: Stack, notice: ModuleType) -> None:
    notify(notice)
    detail = {"stack": "latchkey-test", "execution": EXECUTION, "user": "alice"}
    assert stack.told() == [(METRICS[notice], detail)]


def test_the_claimed_notice_has_a_link_that_lives_a_day_whenever_the_claim_is_said_to_have_been(
    stack: Stack,
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    notify(notify_claimed)
    page, handle, _ = stack.mails()[-1].link()
    until = handle.expires_at
    assert page == "/revoke"
    assert before <= until - timedelta(days=1) <= datetime.now(UTC)
    assert f"until {until:%A}, {until.day} {until:%B %Y, %H:%M} UTC" in text(stack)


def test_the_links_secret_is_kept_as_a_hash_alone(stack: Stack, lines: Lines) -> None:
    notify(notify_claimed)
    _, handle, secret = stack.mails()[-1].link()
    ((known, link),) = stack.links(LinkKind.NOTICE).items()
    assert known == str(handle)
    assert secret not in json.dumps(stack.sent("PutItem")) + json.dumps(lines())
    assert proves(secret, link.secret_sha256)
    assert (link.user, link.execution, link.task_token) == ("alice", EXECUTION, "")


def test_the_links_of_two_tries_both_work(stack: Stack) -> None:
    notify(notify_claimed)
    first = stack.mails()[-1].link()
    notify(notify_claimed)
    assert stack.mails()[-1].link()[1] != first[1]
    assert len(stack.links(LinkKind.NOTICE)) == 2


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("notice", [notify_expired, notify_failed])
def test_after_a_reset_that_came_to_nothing_the_next_request_starts_at_once(notice: ModuleType) -> None:
    now = int(datetime.now(UTC).timestamp())
    registry.open_window(user_key("alice"), EXECUTION, now, REQUEST_WINDOW)
    notify(notice)
    assert registry.open_window(user_key("alice"), "next", now, REQUEST_WINDOW) == "next"


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("notice", [notify_unlocked, notify_failed])
def test_after_an_unlocking_the_next_one_starts_at_once(notice: ModuleType) -> None:
    now, key = int(datetime.now(UTC).timestamp()), user_key(asked_for("alice", unlock=True))
    registry.open_window(key, EXECUTION, now, REQUEST_WINDOW)
    notify(notice, unlock=True)
    assert registry.open_window(key, "next", now, REQUEST_WINDOW) == "next"


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize(("notice", "first"), [(notify_expired, "third"), (notify_failed, "second")])
def test_a_second_failure_in_a_window_does_not_bring_a_third_mail_at_once(
    monkeypatch: pytest.MonkeyPatch, notice: ModuleType, first: str
) -> None:
    now = int(datetime.now(UTC).timestamp())
    for execution in ("first", "second"):
        registry.open_window(user_key("alice"), execution, now, REQUEST_WINDOW)
        monkeypatch.setitem(globals(), "EXECUTION", execution)
        notify(notice)
    assert registry.open_window(user_key("alice"), "third", now, REQUEST_WINDOW) == first


@pytest.mark.usefixtures("stack")
def test_a_failure_before_the_user_was_found_frees_what_was_typed() -> None:
    now = int(datetime.now(UTC).timestamp())
    registry.open_window(user_key("typed"), EXECUTION, now, REQUEST_WINDOW)
    notify_failed.handler(
        {
            "execution": EXECUTION,
            "user": "",
            "name": "",
            "mail": "",
            "language": "",
            "window": user_key("typed"),
            "unlock": False,
            "error": "",
        },
        CONTEXT,
    )
    assert registry.open_window(user_key("typed"), "next", now, REQUEST_WINDOW) == "next"
