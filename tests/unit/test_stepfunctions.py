"""The Step Functions adapter: starting a reset, and ending one that a newer took over."""

import json

import pytest

from latchkey.adapters import stepfunctions
from latchkey.errors import LatchkeyError
from tests.unit.stack import ALICE, EXECUTION, SFN, SFN_REFUSALS, TASK_OVER, Stack

WINDOW = "the-key-of-a-window"


def test_a_reset_is_started_under_its_name_with_user_and_window(stack: Stack) -> None:
    stepfunctions.start_reset(ALICE, EXECUTION, WINDOW, confirm=True)
    machine = stack.sent("StartExecution")[0]["stateMachineArn"]
    (execution,) = SFN.list_executions(stateMachineArn=machine)["executions"]
    described = SFN.describe_execution(executionArn=execution["executionArn"])
    assert (described["name"], json.loads(described["input"])) == (
        EXECUTION,
        {"user": ALICE, "window": WINDOW, "confirm": True},
    )


def test_a_second_reset_of_that_name_is_no_new_one(stack: Stack) -> None:
    stepfunctions.start_reset(ALICE, EXECUTION, WINDOW, confirm=True)
    stack.refuse("StartExecution", "ExecutionAlreadyExists")
    stepfunctions.start_reset(ALICE, EXECUTION, WINDOW, confirm=True)
    machine = stack.sent("StartExecution")[0]["stateMachineArn"]
    assert len(SFN.list_executions(stateMachineArn=machine)["executions"]) == 1


@pytest.mark.parametrize(("code", "status", "meaning"), SFN_REFUSALS)
def test_what_a_refusal_to_start_means(
    stack: Stack, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    stack.refuse("StartExecution", code, status)
    with pytest.raises(meaning, match="Could not start the reset"):
        stepfunctions.start_reset(ALICE, EXECUTION, WINDOW, confirm=True)


def test_a_superseded_execution_is_told_the_error_its_state_catches(stack: Stack) -> None:
    stepfunctions.supersede("task-token")
    (call,) = stack.sent("SendTaskFailure")
    assert (call["taskToken"], call["error"]) == ("task-token", "SupersededError")


@pytest.mark.parametrize("code", TASK_OVER)
def test_an_execution_that_is_over_needs_no_superseding(stack: Stack, code: str) -> None:
    stack.refuse("SendTaskFailure", code)
    stepfunctions.supersede("task-token")
    assert stack.operations() == ["SendTaskFailure"]


@pytest.mark.parametrize(("code", "status", "meaning"), SFN_REFUSALS)
def test_what_a_refusal_to_supersede_means(
    stack: Stack, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    stack.refuse("SendTaskFailure", code, status)
    with pytest.raises(meaning, match="Could not end the superseded reset"):
        stepfunctions.supersede("task-token")
