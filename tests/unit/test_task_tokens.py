"""What people answer reaches the execution that waits for it, once."""

import json
from datetime import datetime

import pytest

from latchkey import task_tokens
from latchkey.errors import (
    AccessDeniedError,
    ClaimGoneError,
    LatchkeyError,
    ServiceUnavailableError,
    ThrottledError,
)
from tests.unit.stack import NOW, Stack

OVER = ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"]
REFUSALS = [
    ("ThrottlingException", 400, ThrottledError),
    ("AccessDeniedException", 400, AccessDeniedError),
    ("InternalFailure", 500, ServiceUnavailableError),
]


def test_completing_a_claim_tells_when_and_from_where(stack: Stack) -> None:
    task_tokens.complete_claim("task-token", NOW, "192.0.2.10")
    (call,) = stack.sent("SendTaskSuccess")
    output = json.loads(call["output"])
    assert (call["taskToken"], output["claimed_from"]) == ("task-token", "192.0.2.10")
    assert datetime.fromisoformat(output["claimed_at"]) == NOW


@pytest.mark.parametrize("code", OVER)
def test_a_token_that_is_over_means_the_claim_is_gone(stack: Stack, code: str) -> None:
    stack.refuse("SendTaskSuccess", code)
    with pytest.raises(ClaimGoneError):
        task_tokens.complete_claim("task-token", NOW, "192.0.2.10")


@pytest.mark.parametrize(("code", "status", "meaning"), REFUSALS)
def test_what_a_refusal_to_complete_means(
    stack: Stack, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    stack.refuse("SendTaskSuccess", code, status)
    with pytest.raises(meaning, match="Could not complete the claim"):
        task_tokens.complete_claim("task-token", NOW, "192.0.2.10")


def test_confirming_a_request_tells_when_and_from_where(stack: Stack) -> None:
    task_tokens.confirm_request("task-token", NOW, "192.0.2.10")
    (call,) = stack.sent("SendTaskSuccess")
    output = json.loads(call["output"])
    assert (call["taskToken"], output["confirmed_from"]) == ("task-token", "192.0.2.10")
    assert datetime.fromisoformat(output["confirmed_at"]) == NOW


def test_a_declined_execution_is_told_the_error_its_state_catches(stack: Stack) -> None:
    task_tokens.decline_request("task-token")
    (call,) = stack.sent("SendTaskFailure")
    assert (call["taskToken"], call["error"]) == ("task-token", "DeclinedError")


@pytest.mark.parametrize("code", OVER)
def test_an_answer_to_an_execution_that_is_over_is_gone(stack: Stack, code: str) -> None:
    stack.refuse("SendTaskSuccess", code)
    stack.refuse("SendTaskFailure", code)
    with pytest.raises(ClaimGoneError):
        task_tokens.confirm_request("task-token", NOW, "192.0.2.10")
    with pytest.raises(ClaimGoneError):
        task_tokens.decline_request("task-token")
