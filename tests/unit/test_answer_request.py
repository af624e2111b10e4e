"""POST /confirm hands one answer of the mailbox's owner to the waiting execution."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from latchkey.domain.action_links import LinkKind
from latchkey.errors import ServiceUnavailableError
from latchkey.web.http import Response
from reset.answer_request import answer_request, handler
from tests.unit.stack import (
    ALICE,
    CONTEXT,
    EXECUTION,
    HANDLE,
    LINK_SECRET,
    NOW,
    TASK_TOKEN,
    Stack,
    client_error,
    load_event,
)

type Lines = Callable[[], list[dict[str, Any]]]

GONE = {"error": "Invalid!", "message": "This link is expired or has been already used once"}
LINK = {"ph": str(HANDLE), "rs": LINK_SECRET}


@pytest.fixture
def asked(stack: Stack) -> Stack:
    stack.keep_link(LinkKind.QUESTION)
    stack.calls.clear()
    return stack


def post(**fields: object) -> Response:
    return handler(load_event("answer_request_valid") | {"body": json.dumps(LINK | fields)}, CONTEXT)


def test_yes_completes_the_task(asked: Stack) -> None:
    assert post(answer="yes")["statusCode"] == 200
    (call,) = asked.sent("SendTaskSuccess")
    assert call["taskToken"] == TASK_TOKEN
    assert json.loads(call["output"])["confirmed_from"] == "192.0.2.10"


def test_no_fails_the_task_with_the_error_its_state_catches(asked: Stack) -> None:
    assert post(answer="no")["statusCode"] == 200
    (call,) = asked.sent("SendTaskFailure")
    assert (call["taskToken"], call["error"]) == (TASK_TOKEN, "DeclinedError")


@pytest.mark.parametrize(("answer", "step"), [("yes", "Confirmed"), ("no", "Declined")])
def test_an_answer_is_told_and_its_link_deleted(asked: Stack, answer: str, step: str) -> None:
    post(answer=answer)
    detail = {"stack": "latchkey-test", "execution": EXECUTION, "user": ALICE}
    assert asked.told() == [(step, detail)]
    assert asked.links(LinkKind.QUESTION) == {}


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("answer", ["yes", "no"])
def test_a_second_answer_is_gone(answer: str) -> None:
    post(answer=answer)
    again = post(answer="yes")
    assert (again["statusCode"], json.loads(again["body"])) == (410, GONE)


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
@pytest.mark.parametrize(("answer", "call"), [("yes", "SendTaskSuccess"), ("no", "SendTaskFailure")])
def test_an_answer_no_execution_waits_for_is_gone(asked: Stack, answer: str, call: str, code: str) -> None:
    asked.refuse(call, code)
    answered = post(answer=answer)
    assert (answered["statusCode"], json.loads(answered["body"])) == (410, GONE)
    assert asked.told() == []


def test_an_answer_that_was_lost_on_its_way_can_be_given_again(asked: Stack) -> None:
    asked.fail("SendTaskSuccess", client_error("InternalFailure", 500))
    with pytest.raises(ServiceUnavailableError):
        answer_request(HANDLE, LINK_SECRET, NOW, wanted=True, source_ip="192.0.2.10")
    assert post(answer="yes")["statusCode"] == 200


@pytest.mark.parametrize("secret", ["-", LINK_SECRET[:-1]])
def test_a_wrong_secret_answers_nothing(asked: Stack, secret: str) -> None:
    assert post(answer="yes", rs=secret)["statusCode"] == 410
    assert post(answer="yes")["statusCode"] == 200
    assert len(asked.sent("SendTaskSuccess")) == 1


# The limit is a day and a minute; hours more, as the clock goes on between NOW and this test.
@pytest.mark.parametrize("seconds", [-1, 30 * 3600])
def test_a_link_past_its_time_or_of_no_time_at_all_is_looked_up_nowhere(asked: Stack, seconds: int) -> None:
    other = replace(HANDLE, expires_at=NOW + timedelta(seconds=seconds))
    answered = post(answer="yes", ph=str(other))
    assert (answered["statusCode"], json.loads(answered["body"])) == (410, GONE)
    assert asked.operations() == []


@pytest.mark.parametrize("answer", [None, "", "Yes", "maybe", "perhaps", True, 1, ["yes"]])
def test_any_other_answer_is_refused_by_name(asked: Stack, answer: object) -> None:
    answered = post(answer=answer)
    assert (answered["statusCode"], json.loads(answered["body"])["field"]) == (400, "answer")
    assert asked.operations() == []


@pytest.mark.parametrize("field", ["ph", "rs"])
def test_half_a_link_is_refused_by_name(asked: Stack, field: str) -> None:
    answered = post(answer="yes", **{field: ""})
    assert (answered["statusCode"], json.loads(answered["body"])["field"]) == (400, field)
    assert asked.operations() == []


def test_a_query_is_no_answer(asked: Stack) -> None:
    query = {"body": None, "queryStringParameters": LINK | {"answer": "yes"}}
    assert handler(load_event("answer_request_valid") | query, CONTEXT)["statusCode"] == 400
    assert asked.operations() == []


def test_neither_the_secret_nor_the_token_is_logged(asked: Stack, lines: Lines) -> None:
    post(answer="yes")
    post(answer="yes", rs=f"{LINK_SECRET}x")
    logged = json.dumps(lines())
    assert LINK_SECRET not in logged
    assert TASK_TOKEN not in logged
    assert asked.sent("SendTaskSuccess")
