"""The timeline of an execution, told from Step Functions' events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.rules.timeline import read_steps, say_duration, say_failure

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def event(number: int, kind: str, previous: int, **details: Any) -> dict[str, Any]:  # noqa: ANN401
    at = START + timedelta(seconds=number)
    return {"id": number, "type": kind, "previousEventId": previous, "timestamp": at, **details}


def entered(number: int, state: str, previous: int) -> dict[str, Any]:
    return event(number, "TaskStateEntered", previous, stateEnteredEventDetails={"name": state})


def left(number: int, state: str, previous: int) -> dict[str, Any]:
    return event(number, "TaskStateExited", previous, stateExitedEventDetails={"name": state})


def failed(number: int, previous: int, error: str, cause: str = "") -> dict[str, Any]:
    return event(number, "TaskFailed", previous, taskFailedEventDetails={"error": error, "cause": cause})


def test_a_state_that_was_tried_again_says_why() -> None:
    steps = read_steps(
        [
            event(1, "ExecutionStarted", 0),
            entered(2, "ResetIamPassword", 0),
            event(3, "TaskScheduled", 2),
            failed(4, 3, "ThrottledError", '{"errorMessage": "Slow down."}'),
            event(5, "TaskScheduled", 4),
            event(6, "TaskSucceeded", 5),
            left(7, "ResetIamPassword", 6),
            entered(8, "WaitForClaim", 7),
        ]
    )
    reset, wait = steps
    assert (reset.state, reset.tries, reset.failures) == (
        "ResetIamPassword",
        2,
        ["ThrottledError: Slow down."],
    )
    assert reset.seconds(START) == 5
    assert (wait.state, wait.left) == ("WaitForClaim", None)
    assert wait.seconds(START + timedelta(seconds=68)) == 60


def test_parallel_branches_keep_their_own_failures() -> None:
    steps = read_steps(
        [
            entered(1, "ListIamUsers", 0),
            entered(2, "ListDirectoryUsers", 0),
            event(3, "TaskScheduled", 1),
            event(4, "TaskScheduled", 2),
            failed(5, 3, "ReportNotReadyError"),
            left(6, "ListIamUsers", 5),
        ]
    )
    iam, directory = steps
    assert (iam.failures, directory.failures) == (["ReportNotReadyError"], [])
    assert (iam.left, directory.left) == (START + timedelta(seconds=6), None)


def test_events_without_a_predecessor_belong_to_the_state_that_is_open() -> None:
    events = [entered(1, "SendClaimLink", 0), failed(2, 0, "MailRefusedError"), left(3, "SendClaimLink", 0)]
    for each in events:
        del each["previousEventId"]
    (step,) = read_steps(events)
    assert step.failures == ["MailRefusedError"]
    assert step.left == START + timedelta(seconds=3)


def test_a_timeout_is_a_failure() -> None:
    timed_out = event(2, "TaskTimedOut", 1, taskTimedOutEventDetails={"error": "States.Timeout"})
    (step,) = read_steps([entered(1, "WaitForClaim", 0), timed_out])
    assert step.failures == ["States.Timeout"]


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ('{"errorMessage": "Two keys.", "stackTrace": []}', "E: Two keys."),
        ("Two keys.", "E: Two keys."),
        ("[1]", "E: [1]"),
        ("", "E"),
    ],
)
def test_a_cause_is_a_sentence(cause: str, said: str) -> None:
    assert say_failure("E", cause) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.42, "0.4 s"),
        (12.9, "12 s"),
        (185, "3 min 5 s"),
        (7_800, "2 h 10 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations_are_said_as_people_do(seconds: float, said: str) -> None:
    assert say_duration(seconds) == said
