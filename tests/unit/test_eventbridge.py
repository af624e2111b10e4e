"""What a reset publishes, and that nothing depends on it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from botocore.exceptions import EndpointConnectionError

from latchkey.adapters import eventbridge
from tests.unit.stack import ALICE, EXECUTION, Stack

type Lines = Callable[[], list[dict[str, Any]]]

ROOT = Path(__file__).parents[2]
STEPS = get_args(eventbridge.Step.__value__)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_told_and_counted(stack: Stack, lines: Lines, step: eventbridge.Step) -> None:
    eventbridge.publish(step, EXECUTION, ALICE)
    (call,) = stack.sent("PutEvents")
    (entry,) = call["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("latchkey.reset", step)
    assert json.loads(entry["Detail"]) == {"stack": "latchkey-test", "execution": EXECUTION, "user": ALICE}
    assert [line[step] for line in lines() if "_aws" in line] == [[1.0]]


def test_a_user_iam_has_not_confirmed_is_not_named(stack: Stack) -> None:
    eventbridge.publish("Requested", EXECUTION)
    assert stack.told() == [("Requested", {"stack": "latchkey-test", "execution": EXECUTION})]


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalException", "ThrottlingException"])
def test_an_event_that_is_refused_is_logged_and_lost(stack: Stack, lines: Lines, code: str) -> None:
    stack.refuse("PutEvents", code)
    eventbridge.publish("Claimed", EXECUTION, ALICE)
    assert "Could not publish the event Claimed" in json.dumps(lines())


def test_an_event_bus_out_of_reach_is_logged_and_lost(stack: Stack, lines: Lines) -> None:
    stack.fail("PutEvents", EndpointConnectionError(endpoint_url="https://events.example"))
    eventbridge.publish("Claimed", EXECUTION, ALICE)
    assert "Could not publish the event Claimed" in json.dumps(lines())


def test_an_event_the_bus_did_not_take_is_logged(stack: Stack, lines: Lines) -> None:
    stack.answer("PutEvents", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]})
    eventbridge.publish("Claimed", EXECUTION, ALICE)
    assert "Could not publish the event Claimed: InternalFailure" in json.dumps(lines())


def test_every_step_is_documented() -> None:
    documented = (ROOT / "docs" / "events.md").read_text()
    assert [step for step in (*STEPS, "Superseded") if f"| `{step}` |" not in documented] == []
