"""POST /generate starts one reset per user and window, and says the same to everybody."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from latchkey.claims import execution_name
from latchkey.http import Answer
from reset.request_reset import SUBMITTED, handler, request_reset
from tests.unit.stack import ALICE, CONTEXT, NOW, Stack, load_event

type Lines = Callable[[], list[dict[str, Any]]]

SIGNED: dict[str, object] = {"identity": {"userArn": "arn:aws:iam::123456789012:user/portal"}}
MALFORMED: list[object] = [
    None,
    "",
    "  ",
    7,
    True,
    [ALICE],
    {"name": ALICE},
    "a" * 65,
    "alice\n@",
    "\ufffd",
    "\x00",
]


def post(user: object, context: dict[str, object] | None = None) -> Answer:
    event = load_event("request_reset_valid")
    context = event["requestContext"] | (context or {})
    return handler(event | {"requestContext": context, "body": json.dumps({"user": user})}, CONTEXT)


@pytest.mark.parametrize("user", [ALICE, "nobody@example.com", "robot", "ünknown", "a b", "../x"])
def test_everybody_gets_the_same_answer(stack: Stack, user: str) -> None:
    stack.add_user(ALICE)
    answered = post(user)
    assert (answered["statusCode"], json.loads(answered["body"])) == (202, {"message": SUBMITTED})


def test_the_answer_is_in_the_documented_words() -> None:
    assert SUBMITTED == "Your request has been submitted. Please check your email for further details"


@pytest.mark.parametrize("user", [ALICE, "nobody@example.com"])
def test_the_same_work_is_done_whoever_the_user_is(stack: Stack, user: str) -> None:
    stack.add_user(ALICE)
    stack.calls.clear()
    post(user)
    assert stack.operations() == ["StartExecution", "PutEvents"]


@pytest.mark.parametrize(("access", "confirm"), [("Public", True), ("Iam", False), ("public", True)])
def test_the_execution_gets_the_user_the_requests_id_and_whether_to_ask_first(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, access: str, *, confirm: bool
) -> None:
    monkeypatch.setenv("REQUEST_ACCESS", access)
    post(f" {ALICE} ", SIGNED)
    (call,) = stack.sent("StartExecution")
    request = load_event("request_reset_valid")["requestContext"]["requestId"]
    assert json.loads(call["input"]) == {"user": ALICE, "request": request, "confirm": confirm}


def test_the_execution_is_named_for_the_user_and_the_window(stack: Stack) -> None:
    request_reset(ALICE, "a-request", NOW)
    (call,) = stack.sent("StartExecution")
    assert call["name"] == execution_name(ALICE, NOW, timedelta(minutes=15))


def test_the_stack_decides_how_long_a_window_is(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUEST_WINDOW_MINUTES", "60")
    request_reset(ALICE, "a-request", datetime(2026, 3, 1, 9, 59, tzinfo=UTC))
    assert stack.sent("StartExecution")[0]["name"].endswith("-20260301T0900Z")


def test_a_new_request_is_counted_once(stack: Stack, lines: Lines) -> None:
    post(ALICE)
    assert [line["Requested"] for line in lines() if "_aws" in line] == [[1.0]]
    assert len(stack.sent("StartExecution")) == 1


def test_what_somebody_typed_is_not_told_to_whoever_listens(stack: Stack) -> None:
    post(ALICE)
    ((step, detail),) = stack.told()
    name = stack.sent("StartExecution")[0]["name"]
    assert (step, detail) == ("Requested", {"stack": "latchkey-test", "execution": name})


def test_a_repeated_request_is_answered_alike_but_not_counted(stack: Stack, lines: Lines) -> None:
    stack.refuse("StartExecution", "ExecutionAlreadyExists")
    answered = post(ALICE)
    assert (answered["statusCode"], json.loads(answered["body"])) == (202, {"message": SUBMITTED})
    assert not [line for line in lines() if "_aws" in line]
    assert stack.told() == []


def test_every_line_logged_once_the_execution_is_known_names_it(stack: Stack, lines: Lines) -> None:
    post(ALICE)
    name = stack.sent("StartExecution")[0]["name"]
    assert {line["execution"] for line in lines()} == {name}


def test_the_user_is_not_logged(stack: Stack, lines: Lines) -> None:
    post(ALICE)
    assert stack.operations() == ["StartExecution", "PutEvents"]
    assert "alice" not in json.dumps(lines())


@pytest.mark.parametrize("user", MALFORMED)
def test_a_malformed_user_is_refused_by_name_and_starts_nothing(stack: Stack, user: object) -> None:
    answered = post(user)
    assert (answered["statusCode"], json.loads(answered["body"])["field"]) == (400, "user")
    assert stack.operations() == []


def test_a_user_that_was_not_sent_is_refused_by_name(stack: Stack) -> None:
    answered = handler(load_event("request_reset_valid") | {"body": "{}"}, CONTEXT)
    assert (answered["statusCode"], json.loads(answered["body"])["field"]) == (400, "user")
    assert stack.operations() == []


def test_the_user_may_come_in_the_query(stack: Stack) -> None:
    query = {"body": None, "queryStringParameters": {"user": ALICE}}
    assert handler(load_event("request_reset_valid") | query, CONTEXT)["statusCode"] == 202
    assert json.loads(stack.sent("StartExecution")[0]["input"])["user"] == ALICE


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("InternalFailure", 500)])
def test_a_busy_step_functions_asks_for_patience(stack: Stack, code: str, status: int) -> None:
    stack.refuse("StartExecution", code, status)
    answered = post(ALICE)
    assert answered["statusCode"] == 503
    assert "Retry-After" in answered["headers"]


@pytest.mark.parametrize("code", ["StateMachineDoesNotExist", "AccessDeniedException"])
def test_a_fault_of_ours_is_not_explained_to_the_caller(stack: Stack, code: str) -> None:
    stack.refuse("StartExecution", code)
    answered = post(ALICE)
    assert answered["statusCode"] == 500
    assert "AWS" not in answered["body"]


@pytest.mark.parametrize("access", ["Iam", "Cognito"])
def test_what_api_gateway_let_through_without_an_identity_is_refused(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, lines: Lines, access: str
) -> None:
    monkeypatch.setenv("REQUEST_ACCESS", access)
    answered = post(ALICE)
    assert answered["statusCode"] == 403
    assert json.loads(answered["body"])["error"] == "Not authenticated"
    assert stack.operations() == []
    assert any("NotAuthenticatedError: API Gateway let" in line["message"] for line in lines())


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"email": ALICE, "email_verified": "true"}, 202),
        ({"email": "carol@example.com", "email_verified": "true", "cognito:groups": "helpdesk"}, 202),
        ({"email": "carol@example.com", "email_verified": "true"}, 403),
        (None, 403),
    ],
)
def test_signed_in_people_ask_for_themselves_and_the_helpdesk_for_anybody(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, claims: dict[str, str] | None, status: int
) -> None:
    monkeypatch.setenv("REQUEST_ACCESS", "Cognito")
    monkeypatch.setenv("HELPDESK_GROUP", "helpdesk")
    assert post(ALICE, {"authorizer": {"claims": claims}} if claims else None)["statusCode"] == status
    assert stack.operations() == (["StartExecution", "PutEvents"] if status == 202 else [])
