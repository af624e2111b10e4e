"""POST /extract shows a password to whoever brings its link first, and never again."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from latchkey import ssm
from latchkey.claims import Claim, Handle
from latchkey.errors import ClaimGoneError, ClaimNotReadyError
from latchkey.http import Answer
from reset.reveal_password import handler, take
from tests.unit.stack import (
    ALICE,
    CONTEXT,
    EXECUTION,
    EXPIRY,
    HANDLE,
    LINK_SECRET,
    NOW,
    PASSWORD,
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
    stack.store_token(stack.store_claim())
    stack.calls.clear()
    return stack


def bring(handle: object = HANDLE, link_secret: str = LINK_SECRET, now: datetime = NOW) -> Claim:
    return take(str(handle), link_secret, now, "192.0.2.10")


def post(ph: object = str(HANDLE), rs: object = LINK_SECRET) -> Answer:
    body = json.dumps({"ph": ph, "rs": rs})
    return handler(load_event("reveal_password_valid") | {"body": body}, CONTEXT)


def test_the_first_to_bring_the_link_gets_the_claim(waiting: Stack) -> None:
    assert bring().password == PASSWORD
    assert waiting.parameters() == {}


def test_the_gates_are_passed_in_order(waiting: Stack) -> None:
    bring()
    assert waiting.operations() == ["GetParameters", "DeleteParameters", "SendTaskSuccess"]


def test_the_workflow_learns_when_and_from_where_and_no_secret(waiting: Stack) -> None:
    bring()
    (call,) = waiting.sent("SendTaskSuccess")
    assert call["taskToken"] == "task-token"
    assert json.loads(call["output"]) == {"claimed_at": NOW.isoformat(), "claimed_from": "192.0.2.10"}


def test_the_second_to_bring_the_link_gets_nothing(waiting: Stack) -> None:
    bring()
    with pytest.raises(ClaimGoneError):
        bring()
    assert len(waiting.sent("SendTaskSuccess")) == 1


WRONG_SECRETS = ["wrong", LINK_SECRET[:-1], LINK_SECRET.swapcase()]


@pytest.mark.parametrize("link_secret", WRONG_SECRETS)
def test_a_wrong_secret_consumes_nothing(waiting: Stack, link_secret: str) -> None:
    with pytest.raises(ClaimGoneError):
        bring(link_secret=link_secret)
    assert waiting.operations() == ["GetParameters"]


@pytest.mark.parametrize("late", [timedelta(), timedelta(microseconds=1), timedelta(days=1)])
def test_a_claim_past_its_expiry_stays_shut_and_is_left_to_the_workflow(
    waiting: Stack, late: timedelta
) -> None:
    with pytest.raises(ClaimGoneError):
        bring(now=EXPIRY + late)
    assert waiting.operations() == ["GetParameters"]


def test_a_claim_opens_until_the_last_moment(waiting: Stack) -> None:
    assert bring(now=EXPIRY - timedelta(microseconds=1)).user == ALICE
    assert waiting.parameters() == {}


def test_a_later_expiry_in_the_link_does_not_lengthen_the_claims_life(waiting: Stack) -> None:
    later = Handle(HANDLE.user_key, EXPIRY + timedelta(days=1), HANDLE.reset_key)
    with pytest.raises(ClaimGoneError):
        bring(later, now=EXPIRY)
    assert waiting.operations() == ["GetParameters"]


@pytest.mark.parametrize("handle", ["", "nonsense", f"{HANDLE}/", f"../{HANDLE}", f"{HANDLE}\n"])
def test_a_malformed_handle_is_looked_up_nowhere(waiting: Stack, handle: str) -> None:
    with pytest.raises(ClaimGoneError):
        bring(handle)
    assert waiting.operations() == []


def test_a_link_that_never_was_opens_nothing(waiting: Stack) -> None:
    with pytest.raises(ClaimGoneError):
        bring(Handle.of(ALICE, "another", EXPIRY))
    assert waiting.operations() == ["GetParameters"]


def test_a_link_brought_before_the_workflow_waits_is_not_consumed(stack: Stack) -> None:
    stack.store_claim()
    stack.calls.clear()
    with pytest.raises(ClaimNotReadyError):
        bring()
    assert stack.operations() == ["GetParameters"]


def test_a_link_brought_too_early_works_a_moment_later(stack: Stack) -> None:
    stack.store_claim()
    with pytest.raises(ClaimNotReadyError):
        bring()
    stack.store_token()
    assert bring().password == PASSWORD


@pytest.mark.parametrize(("link_secret", "now"), [("wrong", NOW), (LINK_SECRET, EXPIRY)])
def test_only_who_could_open_it_learns_that_a_claim_is_not_ready(
    stack: Stack, link_secret: str, now: datetime
) -> None:
    stack.store_claim()
    with pytest.raises(ClaimGoneError):
        bring(link_secret=link_secret, now=now)


def test_who_loses_the_race_of_deletion_never_reaches_the_workflow(
    waiting: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_claim = ssm.read_claim

    def read_claim_then_lose(handle: Handle) -> tuple[Claim | None, str | None]:
        read = read_claim(handle)
        assert ssm.take_claim(handle)
        return read

    monkeypatch.setattr(ssm, "read_claim", read_claim_then_lose)
    with pytest.raises(ClaimGoneError):
        bring()
    assert waiting.sent("SendTaskSuccess") == []


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_workflow_that_no_longer_waits_shuts_the_claim(waiting: Stack, code: str) -> None:
    waiting.refuse("SendTaskSuccess", code)
    with pytest.raises(ClaimGoneError):
        bring()


AFTER_DELETION = [
    client_error("ThrottlingException"),
    client_error("AccessDeniedException"),
    client_error("InternalFailure", 500),
    client_error("ValidationException"),
    client_error("InvalidOutput"),
    TIMEOUT,
    RuntimeError("unforeseen"),
]


@pytest.mark.parametrize("fault", AFTER_DELETION, ids=str)
def test_a_fault_after_the_deletion_reveals_nothing_then_or_later(waiting: Stack, fault: Exception) -> None:
    waiting.fail("SendTaskSuccess", fault)
    answers = [post(), post()]
    assert [answered["statusCode"] for answered in answers] == [410, 410]
    assert PASSWORD not in json.dumps(answers)


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("GetParameters", client_error("ThrottlingException")),
        ("GetParameters", TIMEOUT),
        ("DeleteParameters", client_error("ThrottlingException")),
        ("DeleteParameters", client_error("InternalServerError", 500)),
    ],
    ids=str,
)
def test_a_fault_before_the_deletion_can_be_tried_again(
    waiting: Stack, operation: str, fault: Exception
) -> None:
    waiting.fail(operation, fault)
    assert [post()["statusCode"], post()["statusCode"]] == [503, 200]


def test_the_answer_is_password_user_and_where_to_sign_in(waiting: Stack) -> None:
    answered = post()
    assert answered["statusCode"] == 200
    assert json.loads(answered["body"]) == {
        "password": PASSWORD,
        "user": ALICE,
        "sign_in_url": "https://123456789012.signin.aws.amazon.com/console",
    }
    assert waiting.parameters() == {}


def test_the_answer_is_not_stored_by_anybody_on_the_way(waiting: Stack) -> None:
    assert post()["headers"]["Cache-Control"] == "no-store"
    assert waiting.parameters() == {}


def test_too_early_is_answered_by_503_and_when_to_retry(stack: Stack) -> None:
    stack.store_claim()
    answered = post()
    assert (answered["statusCode"], answered["headers"]["Retry-After"]) == (503, "2")
    assert PASSWORD not in answered["body"]


def used(stack: Stack) -> Answer:
    stack.store_token(stack.store_claim())
    post()
    return post()


def expired(stack: Stack) -> Answer:
    past = Handle.of(ALICE, EXECUTION, datetime.fromisoformat("2026-03-01T10:00:00Z"))
    stack.store_token(stack.store_claim(past))
    return post(ph=str(past))


def superseded(stack: Stack) -> Answer:
    ssm.take_claim(stack.store_token(stack.store_claim()))
    return post()


def superseded_before_it_waited(stack: Stack) -> Answer:
    stack.store_token()
    return post()


def wrong_secret(stack: Stack) -> Answer:
    stack.store_token(stack.store_claim())
    return post(rs="wrong")


def malformed(_stack: Stack) -> Answer:
    return post(ph="nonsense")


def never_made(_stack: Stack) -> Answer:
    return post()


@pytest.mark.parametrize(
    "reason", [used, expired, superseded, superseded_before_it_waited, wrong_secret, malformed, never_made]
)
def test_every_link_that_opens_nothing_gets_the_same_answer(
    stack: Stack, reason: Callable[[Stack], Answer]
) -> None:
    answered = reason(stack)
    assert (answered["statusCode"], json.loads(answered["body"])) == (410, GONE)


@pytest.mark.parametrize("field", ["ph", "rs"])
@pytest.mark.parametrize("value", [None, "", " ", 7, True, [], {}, "x" * 129, "\x00", "\ufffd", chr(0xD800)])
def test_a_malformed_value_is_refused_by_name(waiting: Stack, field: str, value: object) -> None:
    answered = post(**{field: value})
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
    assert waiting.parameters() == {}


@pytest.mark.parametrize("fault", AFTER_DELETION, ids=str)
def test_a_lost_claim_is_logged_under_its_execution_without_secrets(
    waiting: Stack, lines: Lines, fault: Exception
) -> None:
    waiting.fail("SendTaskSuccess", fault)
    post()
    logged = lines()
    assert {line["execution"] for line in logged} == {EXECUTION}
    assert not [s for s in (PASSWORD, LINK_SECRET) if s in json.dumps(logged)]
