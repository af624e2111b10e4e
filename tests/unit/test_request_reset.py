"""POST /generate starts one reset per user and window, and says the same for every user."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from latchkey.adapters import registry
from latchkey.domain.claims import item_id, user_key
from latchkey.web.http import Response
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


def post(user: object, context: dict[str, object] | None = None) -> Response:
    event = load_event("request_reset_valid")
    context = event["requestContext"] | (context or {})
    return handler(event | {"requestContext": context, "body": json.dumps({"user": user})}, CONTEXT)


@pytest.mark.parametrize("user", [ALICE, "unknown@example.com", "robot", "ünknown", "a b", "../x"])
def test_every_user_real_or_not_gets_the_same_answer(stack: Stack, user: str) -> None:
    stack.add_user(ALICE)
    answered = post(user)
    assert (answered["statusCode"], json.loads(answered["body"])) == (202, {"message": SUBMITTED})


def test_the_answer_is_in_the_documented_words() -> None:
    assert SUBMITTED == "Your request has been submitted. Please check your email for further details"


@pytest.mark.parametrize("user", [ALICE, "unknown@example.com"])
def test_the_same_work_is_done_for_every_user(stack: Stack, user: str) -> None:
    stack.add_user(ALICE)
    stack.calls.clear()
    post(user)
    assert stack.operations() == ["UpdateItem", "StartExecution"]


@pytest.mark.parametrize("user", [ALICE, "unknown@example.com"])
def test_a_repeated_request_does_the_same_work_as_the_first(stack: Stack, user: str) -> None:
    stack.add_user(ALICE)
    stack.calls.clear()
    for _ in range(3):
        post(user)
    assert stack.operations() == ["UpdateItem", "StartExecution"] * 3


@pytest.mark.parametrize(("access", "confirm"), [("Public", True), ("Iam", False)])
def test_the_execution_gets_the_user_the_window_and_whether_to_ask_first(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, access: str, *, confirm: bool
) -> None:
    monkeypatch.setenv("REQUEST_ACCESS", access)
    post(f" {ALICE} ", SIGNED)
    (call,) = stack.sent("StartExecution")
    assert json.loads(call["input"]) == {"user": ALICE, "window": user_key(ALICE), "confirm": confirm}


def test_an_access_that_the_template_does_not_allow_lets_no_one_ask(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUEST_ACCESS", "public")
    assert post(ALICE)["statusCode"] == 500
    assert stack.operations() == []


def test_repeated_requests_start_the_execution_that_the_first_noted(stack: Stack) -> None:
    for _ in range(3):
        post(ALICE)
    names = [call["name"] for call in stack.sent("StartExecution")]
    inputs = {call["input"] for call in stack.sent("StartExecution")}
    assert len(names) == 3
    assert (len(set(names)), len(inputs)) == (1, 1)
    assert names[0].startswith(f"{user_key(ALICE)}-")


def test_a_request_after_one_that_crashed_before_the_start_starts_it(stack: Stack) -> None:
    stack.refuse("StartExecution", "InternalFailure", 500)
    assert post(ALICE)["statusCode"] == 504
    assert post(ALICE)["statusCode"] == 202
    first, second = (call["name"] for call in stack.sent("StartExecution"))
    assert first == second


def test_after_the_window_another_execution_starts(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUEST_WINDOW_MINUTES", "60")
    for minutes in (0, 59, 60):
        request_reset(ALICE, NOW + timedelta(minutes=minutes), "", unlock=False)
    first, second, third = (call["name"] for call in stack.sent("StartExecution"))
    assert first == second != third


def test_another_spelling_has_a_window_of_its_own(stack: Stack) -> None:
    # Or a stranger's ALICE would swallow what alice asks for, should IAM not know an ALICE.
    post(ALICE.upper())
    post(ALICE)
    assert len({call["name"] for call in stack.sent("StartExecution")}) == 2


def test_once_its_reset_came_to_an_end_the_next_request_starts_at_once(stack: Stack) -> None:
    post(ALICE)
    (first,) = (call["name"] for call in stack.sent("StartExecution"))
    registry.close_windows(ALICE, user_key(ALICE), first)
    post(ALICE)
    assert stack.sent("StartExecution")[-1]["name"] != first


def test_a_repeated_request_is_answered_alike(stack: Stack) -> None:
    stack.refuse("StartExecution", "ExecutionAlreadyExists")
    answered = post(ALICE)
    assert (answered["statusCode"], json.loads(answered["body"])) == (202, {"message": SUBMITTED})


@pytest.mark.parametrize("typed", ["Summer-2026!", "my secret", "pass:word", "ünknown", "a/b", "x*y"])
def test_what_can_be_no_name_goes_nowhere(stack: Stack, lines: Lines, typed: str) -> None:
    answered = post(typed)
    assert (answered["statusCode"], json.loads(answered["body"])) == (202, {"message": SUBMITTED})
    assert stack.operations() == []
    assert typed not in json.dumps(lines(), ensure_ascii=False)


def test_every_line_logged_once_the_execution_is_known_names_it(stack: Stack, lines: Lines) -> None:
    post(ALICE)
    name = stack.sent("StartExecution")[0]["name"]
    assert {line["execution"] for line in lines()} == {name}


def test_the_user_is_not_logged(stack: Stack, lines: Lines) -> None:
    post(ALICE)
    assert stack.operations() == ["UpdateItem", "StartExecution"]
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


@pytest.mark.parametrize(
    ("code", "status", "answer"), [("ThrottlingException", 400, 504), ("InternalFailure", 500, 504)]
)
def test_a_busy_step_functions_asks_for_patience(stack: Stack, code: str, status: int, answer: int) -> None:
    stack.refuse("StartExecution", code, status)
    answered = post(ALICE)
    assert answered["statusCode"] == answer
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


CAROL = {"token_use": "id", "aud": "the-page", "email": "carol@example.com", "email_verified": "true"}


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        (CAROL | {"email": ALICE}, 202),
        (CAROL | {"cognito:groups": "helpdesk"}, 202),
        (CAROL | {"cognito:groups": "helpdesk", "aud": "another-app"}, 403),
        (CAROL, 403),
        (None, 403),
    ],
)
def test_signed_in_people_ask_for_themselves_and_the_helpdesk_for_any_user(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, claims: dict[str, str] | None, status: int
) -> None:
    monkeypatch.setenv("REQUEST_ACCESS", "Cognito")
    monkeypatch.setenv("HELPDESK_GROUP", "helpdesk")
    monkeypatch.setenv("USER_POOL_CLIENT_ID", CAROL["aud"])
    assert post(ALICE, {"authorizer": {"claims": claims}} if claims else None)["statusCode"] == status
    assert stack.operations() == (["UpdateItem", "StartExecution"] if status == 202 else [])


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Response]:
    """Return what asks for a user as Carol, who is in no group."""
    monkeypatch.setenv("REQUEST_ACCESS", "Cognito")
    return lambda user: post(user, {"authorizer": {"claims": CAROL}})


def test_a_name_that_may_be_a_persons_own_goes_on_with_their_address(
    stack: Stack, sign_in: Callable[[str], Response]
) -> None:
    assert sign_in("csmith")["statusCode"] == 202
    (call,) = stack.sent("StartExecution")
    assert json.loads(call["input"])["address"] == CAROL["email"]


def test_a_persons_requests_for_names_of_others_swallow_no_one_elses(
    stack: Stack, sign_in: Callable[[str], Response]
) -> None:
    sign_in("csmith")
    (key,) = {call["Key"]["id"]["S"] for call in stack.sent("UpdateItem")}
    assert key != item_id(user_key("csmith"))
    sign_in(CAROL["email"].upper())
    assert stack.sent("UpdateItem")[-1]["Key"]["id"]["S"] == item_id(user_key(CAROL["email"].upper()))


@pytest.mark.parametrize(
    "typed", ["mary.o'neill@corp.example.com", f"{'a' * 80}@corp.example.com", "a/b#c@corp.example.com"]
)
def test_an_address_that_can_be_no_name_is_asked_for_too(stack: Stack, typed: str) -> None:
    assert post(typed)["statusCode"] == 202
    (call,) = stack.sent("StartExecution")
    assert json.loads(call["input"])["user"] == typed


def test_an_address_that_reads_as_an_account_of_a_directory_goes_nowhere(stack: Stack) -> None:
    assert post("directory/jdoe@example.com")["statusCode"] == 202
    assert stack.operations() == []


def test_what_is_longer_than_a_name_and_no_address_is_refused_by_its_length(stack: Stack) -> None:
    answered = post("a" * 65)
    assert (answered["statusCode"], json.loads(answered["body"])["field"]) == (400, "user")
    assert post("a" * 243 + "@example.com")["statusCode"] == 400
    assert stack.operations() == []
