"""What people answer reaches the execution that waits for it, once."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from latchkey.adapters import task_tokens
from latchkey.errors import ClaimGoneError, LatchkeyError
from tests.unit.stack import NOW, SFN_REFUSALS, TASK_OVER, Stack

type Response = Callable[[], None]


def complete() -> None:
    task_tokens.complete_claim("task-token", NOW, "192.0.2.10")


def confirm() -> None:
    task_tokens.confirm_request("task-token", NOW, "192.0.2.10")


def decline() -> None:
    task_tokens.decline_request("task-token")


EACH = pytest.mark.parametrize(
    ("answer", "operation", "doing"),
    [
        (complete, "SendTaskSuccess", "complete the claim"),
        (confirm, "SendTaskSuccess", "confirm the request"),
        (decline, "SendTaskFailure", "decline the request"),
    ],
    ids=["complete", "confirm", "decline"],
)


@pytest.mark.parametrize(("answer", "said"), [(complete, "claimed"), (confirm, "confirmed")])
def test_an_answer_tells_when_and_from_where(stack: Stack, answer: Response, said: str) -> None:
    answer()
    (call,) = stack.sent("SendTaskSuccess")
    output = json.loads(call["output"])
    assert (call["taskToken"], output[f"{said}_from"]) == ("task-token", "192.0.2.10")
    assert datetime.fromisoformat(output[f"{said}_at"]) == NOW


def test_a_declined_execution_is_told_the_error_its_state_catches(stack: Stack) -> None:
    decline()
    (call,) = stack.sent("SendTaskFailure")
    assert (call["taskToken"], call["error"]) == ("task-token", "DeclinedError")


@EACH
@pytest.mark.parametrize("code", TASK_OVER)
def test_an_answer_to_an_execution_that_is_over_is_gone(
    stack: Stack, answer: Response, operation: str, doing: str, code: str
) -> None:
    stack.refuse(operation, code)
    with pytest.raises(ClaimGoneError, match=f"Could not {doing}"):
        answer()


@EACH
@pytest.mark.parametrize(("code", "status", "meaning"), SFN_REFUSALS)
def test_what_step_functions_means_when_it_refuses_an_answer(  # noqa: PLR0913
    stack: Stack,
    *,
    answer: Response,
    operation: str,
    doing: str,
    code: str,
    status: int,
    meaning: type[LatchkeyError],
) -> None:
    stack.refuse(operation, code, status)
    with pytest.raises(meaning, match=f"Could not {doing}"):
        answer()
    assert stack.operations() == [operation]
