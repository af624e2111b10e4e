"""POST /extract shows a password to the first request with its link, and never again."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from latchkey.adapters import registry
from latchkey.domain.claims import Handle, user_key
from latchkey.domain.resets import Attempt, Phase, Reset
from latchkey.errors import ClaimGoneError, ClaimNotReadyError
from latchkey.web.http import Response
from reset.reveal_password import handler, reveal, take
from tests.unit.stack import (
    ALICE,
    CONTEXT,
    EXECUTION,
    EXPIRY,
    HANDLE,
    LINK_SECRET,
    NOW,
    PASSWORD,
    REQUEST_WINDOW,
    Stack,
    client_error,
    load_event,
)

type Lines = Callable[[], list[dict[str, Any]]]

GONE = {"error": "Invalid!", "message": "This link is expired or has been already used once"}
TIMEOUT = ReadTimeoutError(endpoint_url="https://states.eu-central-1.amazonaws.com")


@pytest.fixture
def waiting(stack: Stack) -> Stack:
    """Return a stack in which a workflow waits for its claim; calls are recorded from here on."""
    stack.keep_reset()
    stack.calls.clear()
    return stack


def bring(
    handle: Handle = HANDLE, link_secret: str = LINK_SECRET, now: datetime = NOW, request: str = "request"
) -> str:
    return reveal(take(handle, link_secret, request, now), now, "192.0.2.10")


def post(ph: object = str(HANDLE), rs: object = LINK_SECRET, request: str = "request") -> Response:
    event = load_event("reveal_password_valid") | {"body": json.dumps({"ph": ph, "rs": rs})}
    event["requestContext"]["extendedRequestId"] = request
    return handler(event, CONTEXT)


def test_the_first_to_bring_the_link_gets_the_password(waiting: Stack) -> None:
    assert bring() == PASSWORD
    assert waiting.phase() == Phase.CLAIMED


def test_a_claim_is_one_write_one_read_and_one_answer_to_the_workflow(waiting: Stack) -> None:
    bring()
    assert waiting.operations() == ["UpdateItem", "GetParameter", "SendTaskSuccess"]


def test_the_workflow_learns_when_and_from_where_and_no_secret(waiting: Stack) -> None:
    bring()
    (call,) = waiting.sent("SendTaskSuccess")
    assert call["taskToken"] == "task-token"
    assert json.loads(call["output"]) == {"claimed_at": NOW.isoformat(), "claimed_from": "192.0.2.10"}


def test_the_second_to_bring_the_link_gets_nothing(waiting: Stack) -> None:
    bring()
    with pytest.raises(ClaimGoneError):
        bring(request="another")
    assert len(waiting.sent("SendTaskSuccess")) == 1


def test_a_claim_whose_answer_was_lost_is_won_all_the_same(waiting: Stack) -> None:
    # The SDK tries again: the write finds that this very request made it.
    take(HANDLE, LINK_SECRET, "request", NOW)
    assert bring() == PASSWORD
    assert waiting.operations().count("UpdateItem") == 2


def test_who_gives_two_requests_one_id_wins_once(waiting: Stack) -> None:
    # A caller can, by the header X-Amzn-RequestId: `requestId` is the same in both.
    assert [post(request=each)["statusCode"] for each in ("first", "second")] == [200, 410]
    assert len(waiting.sent("SendTaskSuccess")) == 1


def test_after_a_claim_the_next_request_starts_at_once(waiting: Stack) -> None:
    registry.open_window(user_key(ALICE), EXECUTION, int(NOW.timestamp()), REQUEST_WINDOW)
    bring()
    assert registry.open_window(user_key(ALICE), "next", int(NOW.timestamp()), REQUEST_WINDOW) == "next"
    assert waiting.sent("SendTaskSuccess")


def test_after_a_claim_what_was_typed_may_be_asked_for_again_too(stack: Stack) -> None:
    typed = user_key(ALICE.upper())
    registry.open_window(typed, EXECUTION, int(NOW.timestamp()), REQUEST_WINDOW)
    stack.keep_reset(window=typed)
    bring()
    assert registry.open_window(typed, "next", int(NOW.timestamp()), REQUEST_WINDOW) == "next"


WRONG_SECRETS = ["wrong", LINK_SECRET[:-1], LINK_SECRET.swapcase()]


@pytest.mark.parametrize("link_secret", WRONG_SECRETS)
def test_a_wrong_secret_consumes_nothing(waiting: Stack, link_secret: str) -> None:
    with pytest.raises(ClaimGoneError):
        bring(link_secret=link_secret)
    assert waiting.operations() == ["UpdateItem"]
    assert waiting.phase() == Phase.WAITING


def test_a_hash_that_was_exchanged_in_the_registry_opens_nothing(waiting: Stack) -> None:
    waiting.keep_reset()
    item = registry.read(user_key(ALICE))
    assert item.current
    forged = replace(item.current, secret_sha256=HANDLE.proof("forged"))
    waiting.keep(replace(item, current=forged))
    with pytest.raises(ClaimGoneError, match="gone"):
        bring(link_secret="forged")
    assert waiting.sent("SendTaskSuccess") == []


@pytest.mark.parametrize("late", [timedelta(), timedelta(microseconds=1), timedelta(days=1)])
def test_a_claim_past_its_expiry_stays_shut_and_is_left_to_the_workflow(
    waiting: Stack, late: timedelta
) -> None:
    with pytest.raises(ClaimGoneError):
        bring(now=EXPIRY + late)
    assert waiting.phase() == Phase.WAITING


def test_a_claim_opens_until_the_last_second(waiting: Stack) -> None:
    assert bring(now=EXPIRY - timedelta(microseconds=1)) == PASSWORD
    assert waiting.phase() == Phase.CLAIMED


def test_a_later_expiry_in_the_link_does_not_lengthen_the_claims_life(waiting: Stack) -> None:
    later = Handle(HANDLE.user_key, EXPIRY + timedelta(hours=1), HANDLE.reset_key)
    with pytest.raises(ClaimGoneError):
        bring(later, now=EXPIRY)
    assert waiting.phase() == Phase.WAITING


@pytest.mark.parametrize(
    "handle",
    [
        "nonsense",
        f"{HANDLE}/",
        f"../{HANDLE}",
        str(Handle(HANDLE.user_key, NOW - timedelta(seconds=1), HANDLE.reset_key)),
        str(Handle(HANDLE.user_key, NOW + timedelta(hours=25), HANDLE.reset_key)),
    ],
    ids=["nonsense", "followed by a slash", "in another folder", "past its time", "too far ahead"],
)
def test_a_handle_that_can_open_nothing_is_looked_up_nowhere(waiting: Stack, handle: str) -> None:
    answered = post(ph=handle)
    assert (answered["statusCode"], json.loads(answered["body"])) == (410, GONE)
    assert waiting.operations() == []


@pytest.mark.parametrize(
    "other",
    [
        Handle.of("bob@example.com", EXECUTION, EXPIRY),
        replace(HANDLE, expires_at=EXPIRY + timedelta(seconds=1)),
        replace(HANDLE, reset_key=HANDLE.reset_key[::-1]),
    ],
    ids=["of another user", "of another time", "of another reset"],
)
def test_a_link_that_never_was_opens_nothing(waiting: Stack, other: Handle) -> None:
    with pytest.raises(ClaimGoneError):
        bring(other)
    assert waiting.operations() == ["UpdateItem"]
    assert waiting.phase() == Phase.WAITING


def test_a_link_brought_before_the_workflow_waits_is_not_consumed(stack: Stack) -> None:
    stack.keep_reset(Phase.STORED)
    stack.calls.clear()
    with pytest.raises(ClaimNotReadyError):
        bring()
    assert stack.operations() == ["UpdateItem"]
    assert stack.phase() == Phase.STORED


def test_a_link_brought_too_early_works_a_moment_later(stack: Stack) -> None:
    stack.keep_reset(Phase.STORED)
    with pytest.raises(ClaimNotReadyError):
        bring()
    stack.keep_reset()
    assert bring() == PASSWORD


@pytest.mark.parametrize(
    ("link_secret", "now"), [("wrong", NOW), (LINK_SECRET, EXPIRY)], ids=["wrong secret", "too late"]
)
def test_only_who_could_open_it_learns_that_a_claim_is_not_ready(
    stack: Stack, link_secret: str, now: datetime
) -> None:
    stack.keep_reset(Phase.STORED)
    with pytest.raises(ClaimGoneError):
        bring(link_secret=link_secret, now=now)


def test_who_loses_the_race_never_reaches_password_and_workflow(waiting: Stack) -> None:
    take(HANDLE, LINK_SECRET, "quicker", NOW)
    with pytest.raises(ClaimGoneError):
        bring()
    assert set(waiting.operations()) == {"UpdateItem"}


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_workflow_that_no_longer_waits_shuts_the_claim(waiting: Stack, code: str) -> None:
    waiting.refuse("SendTaskSuccess", code)
    with pytest.raises(ClaimGoneError):
        bring()


AFTER_THE_CLAIM = [
    client_error("ThrottlingException"),
    client_error("AccessDeniedException"),
    client_error("InternalFailure", 500),
    client_error("ValidationException"),
    client_error("InvalidOutput"),
    TIMEOUT,
    RuntimeError("unforeseen"),
]


@pytest.mark.parametrize("operation", ["GetParameter", "SendTaskSuccess"])
@pytest.mark.parametrize("fault", AFTER_THE_CLAIM, ids=str)
def test_a_fault_after_the_claim_reveals_nothing_then_or_later(
    waiting: Stack, operation: str, fault: Exception
) -> None:
    waiting.fail(operation, fault)
    answers = [post(), post(request="again")]
    assert [answered["statusCode"] for answered in answers] == [410, 410]
    assert PASSWORD not in json.dumps(answers)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (client_error("ThrottlingException"), 504),
        (TIMEOUT, 504),
        (client_error("InternalServerError", 500), 504),
    ],
    ids=str,
)
def test_a_fault_before_the_claim_can_be_tried_again(waiting: Stack, fault: Exception, status: int) -> None:
    waiting.fail("UpdateItem", fault)
    assert [post()["statusCode"], post(request="again")["statusCode"]] == [status, 200]


def test_a_claim_whose_write_stays_unanswered_never_says_that_it_used_nothing_up(waiting: Stack) -> None:
    take(HANDLE, LINK_SECRET, "unanswered", NOW)
    waiting.fail("UpdateItem", TIMEOUT)
    assert [post(request="unanswered")["statusCode"], post(request="again")["statusCode"]] == [504, 410]


def test_the_answer_is_password_user_and_where_to_sign_in(waiting: Stack) -> None:
    answered = post()
    assert answered["statusCode"] == 200
    assert json.loads(answered["body"]) == {
        "password": PASSWORD,
        "user": ALICE,
        "sign_in_url": "https://123456789012.signin.aws.amazon.com/console",
    }
    assert waiting.phase() == Phase.CLAIMED


def test_the_answer_is_not_stored_on_the_way(waiting: Stack) -> None:
    assert post()["headers"]["Cache-Control"] == "no-store"
    assert waiting.phase() == Phase.CLAIMED


def test_too_early_is_answered_by_503_and_when_to_retry(stack: Stack) -> None:
    stack.keep_reset(Phase.STORED)
    answered = post()
    assert (answered["statusCode"], answered["headers"]["Retry-After"]) == (503, "2")
    assert PASSWORD not in answered["body"]


def used(stack: Stack) -> Response:
    stack.keep_reset()
    post()
    return post(request="again")


def expired(stack: Stack) -> Response:
    stack.keep_reset(expires_at=int(NOW.timestamp()) - 1)
    return post()


def superseded(stack: Stack) -> Response:
    stack.keep_reset(execution="newer", secret_sha256="another")
    return post()


def being_undone(stack: Stack) -> Response:
    stack.keep_reset(Phase.REVOKING)
    return post()


def wrong_secret(stack: Stack) -> Response:
    stack.keep_reset()
    return post(rs="wrong")


def malformed(_stack: Stack) -> Response:
    return post(ph="nonsense")


def never_made(_stack: Stack) -> Response:
    return post()


@pytest.mark.parametrize(
    "reason", [used, expired, superseded, being_undone, wrong_secret, malformed, never_made]
)
def test_every_link_that_opens_nothing_gets_the_same_answer(
    stack: Stack, reason: Callable[[Stack], Response]
) -> None:
    answered = reason(stack)
    assert (answered["statusCode"], json.loads(answered["body"])) == (410, GONE)


def test_behind_the_stacks_own_distribution_the_viewers_address_is_noted(
    waiting: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_KEY_SHA256", hashlib.sha256(b"key").hexdigest())
    link = {"ph": str(HANDLE), "rs": LINK_SECRET}
    event = load_event("reveal_password_valid") | {"body": json.dumps(link)}
    event["headers"] |= {"Latchkey-Proxy-Key": "key", "CloudFront-Viewer-Address": "198.51.100.9:46532"}
    assert handler(event, CONTEXT)["statusCode"] == 200
    (call,) = waiting.sent("SendTaskSuccess")
    assert json.loads(call["output"])["claimed_from"] == "198.51.100.9"


NEWER = "Latchkey-Newer-Link-At"


def test_an_older_links_answer_says_when_the_newer_was_mailed(waiting: Stack) -> None:
    now = int(NOW.timestamp())
    newer = Reset(execution="newer", phase=Phase.RESETTING, user=ALICE, begun_at=now)
    registry.begin(user_key(ALICE), newer)
    attempt = Attempt(execution="newer", actor="newer", now=now, secret_sha256="another")
    registry.store(user_key(ALICE), attempt, now + 3600)
    assert post()["headers"][NEWER] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    assert NEWER not in post(rs="wrong")["headers"], "only the older secret's holder is told"
    assert waiting.operations().count("UpdateItem") == 4


@pytest.mark.parametrize("reason", [used, expired, being_undone, wrong_secret, malformed, never_made])
def test_no_other_answer_speaks_of_a_newer_link(stack: Stack, reason: Callable[[Stack], Response]) -> None:
    assert NEWER not in reason(stack)["headers"]


@pytest.mark.parametrize("field", ["ph", "rs"])
@pytest.mark.parametrize("value", [None, "", " ", 7, True, [], {}, "x" * 129, "\x00", "\ufffd", chr(0xD800)])
def test_a_malformed_value_is_refused_by_name(waiting: Stack, field: str, value: object) -> None:
    answered = post(value, LINK_SECRET) if field == "ph" else post(str(HANDLE), value)
    assert (answered["statusCode"], json.loads(answered["body"])["field"]) == (400, field)
    assert waiting.operations() == []


def test_values_in_the_query_are_not_read(waiting: Stack) -> None:
    query = {"body": None, "queryStringParameters": {"ph": str(HANDLE), "rs": LINK_SECRET}}
    answered = handler(load_event("reveal_password_valid") | query, CONTEXT)
    assert answered["statusCode"] == 400
    assert waiting.operations() == []


def test_a_reveal_logs_its_execution_and_no_secret(waiting: Stack, lines: Lines) -> None:
    post()
    logged = lines()
    assert [line["execution"] for line in logged] == [EXECUTION]
    assert not [s for s in (PASSWORD, LINK_SECRET, "task-token") if s in json.dumps(logged)]
    assert waiting.phase() == Phase.CLAIMED


@pytest.mark.parametrize("fault", AFTER_THE_CLAIM, ids=str)
def test_a_lost_claim_is_logged_under_its_execution_without_secrets(
    waiting: Stack, lines: Lines, fault: Exception
) -> None:
    waiting.fail("SendTaskSuccess", fault)
    post()
    logged = lines()
    assert {line["execution"] for line in logged} == {EXECUTION}
    assert not [s for s in (PASSWORD, LINK_SECRET) if s in json.dumps(logged)]
