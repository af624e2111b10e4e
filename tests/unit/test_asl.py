"""Which transitions a definition has, and which of them a history shows."""

from collections.abc import Iterable
from typing import Any

import pytest

from tools.asl import Transition, own_states, taken, transitions

type Event = dict[str, Any]

DEFINITION = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Catch": [
                {"ErrorEquals": ["UserNotFoundError"], "Next": "Refused"},
                {"ErrorEquals": ["States.TaskFailed"], "Next": "Undo"},
                {"ErrorEquals": ["States.ALL"], "Next": "Sort"},
            ],
            "Next": "Sort",
        },
        "Sort": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $a %}", "Next": "Undo"},
                {"Condition": "{% $b %}", "Next": "Done"},
                {"Condition": "{% $c %}", "Next": "Undo"},
            ],
            "Default": "Refused",
        },
        "Undo": {"Type": "Pass", "Next": "Done"},
        "Done": {"Type": "Succeed"},
        "Refused": {"Type": "Succeed"},
    },
}


def entered(state: str, kind: str = "Task") -> Event:
    return {"type": f"{kind}StateEntered", "stateEnteredEventDetails": {"name": state}}


def exited(state: str, kind: str = "Task") -> Event:
    return {"type": f"{kind}StateExited", "stateExitedEventDetails": {"name": state}}


def failed(error: str) -> Event:
    return {"type": "TaskFailed", "taskFailedEventDetails": {"error": error}}


TIMED_OUT_ON_AWS: Event = {"type": "TaskTimedOut", "taskTimedOutEventDetails": {"error": "States.Timeout"}}
SUCCEEDED: Event = {"type": "TaskSucceeded", "taskSucceededEventDetails": {}}


def history(*events: Event) -> list[Event]:
    return [{"id": n, **event} for n, event in enumerate(events, start=1)]


def shown(found: Iterable[Transition]) -> set[str]:
    return {str(transition) for transition in found}


def test_choice_rules_with_one_target_count_as_one_transition() -> None:
    assert shown(transitions(DEFINITION)) == {
        "Ask --next--> Sort",
        "Ask --catch:0--> Refused",
        "Ask --catch:1--> Undo",
        "Ask --catch:2--> Sort",
        "Sort --choice:0--> Undo",
        "Sort --choice:1--> Done",
        "Sort --default--> Refused",
        "Undo --next--> Done",
    }


def test_a_success_takes_next() -> None:
    events = history(entered("Ask"), SUCCEEDED, exited("Ask"), entered("Sort", "Choice"))
    assert shown(taken(events, DEFINITION)) == {"Ask --next--> Sort"}


def test_a_success_after_a_retry_takes_next() -> None:
    events = history(entered("Ask"), failed("UserNotFoundError"), SUCCEEDED, exited("Ask"), entered("Sort"))
    assert shown(taken(events, DEFINITION)) == {"Ask --next--> Sort"}


@pytest.mark.parametrize(
    ("failure", "transition"),
    [
        (failed("UserNotFoundError"), "Ask --catch:0--> Refused"),
        (failed("KeyError"), "Ask --catch:1--> Undo"),
        (failed("States.Permissions"), "Ask --catch:1--> Undo"),
        (failed("States.Timeout"), "Ask --catch:2--> Sort"),
        (TIMED_OUT_ON_AWS, "Ask --catch:2--> Sort"),
    ],
)
def test_an_error_takes_the_first_catcher_that_names_it(failure: Event, transition: str) -> None:
    target = transition.rpartition(" ")[2]
    events = history(entered("Ask"), failed("Earlier"), failure, exited("Ask"), entered(target))
    assert shown(taken(events, DEFINITION)) == {transition}


def test_an_expression_that_fails_after_the_task_succeeded_is_caught_too() -> None:
    failure = {
        "type": "EvaluationFailed",
        "evaluationFailedEventDetails": {"error": "States.QueryEvaluationError"},
    }
    events = history(entered("Ask"), SUCCEEDED, failure, exited("Ask"), entered("Undo", "Pass"))
    assert shown(taken(events, DEFINITION)) == {"Ask --catch:1--> Undo"}


@pytest.mark.parametrize(
    ("target", "transition"),
    [
        ("Undo", "Sort --choice:0--> Undo"),
        ("Done", "Sort --choice:1--> Done"),
        ("Refused", "Sort --default--> Refused"),
    ],
)
def test_a_choice_is_told_by_where_it_led(target: str, transition: str) -> None:
    events = history(entered("Sort", "Choice"), exited("Sort", "Choice"), entered(target))
    assert shown(taken(events, DEFINITION)) == {transition}


def test_a_history_read_newest_first_shows_the_same() -> None:
    events = history(
        entered("Ask"), SUCCEEDED, exited("Ask"), entered("Sort"), exited("Sort"), entered("Done")
    )
    assert taken(reversed(events), DEFINITION) == taken(events, DEFINITION)


def test_states_inside_a_map_are_passed_over() -> None:
    events = history(
        entered("Undo", "Map"), entered("Inner"), exited("Inner"), exited("Undo"), entered("Done")
    )
    assert shown(taken(events, DEFINITION)) == {"Undo --next--> Done"}


def test_what_caught_a_maps_failure_is_told_by_where_it_led() -> None:
    caught = {"ErrorEquals": ["States.ALL"], "Next": "Refused"}
    each = {"Type": "Map", "Next": "Done", "Catch": [caught]}
    definition = {"States": own_states(DEFINITION) | {"Undo": each}}
    events = history(entered("Undo", "Map"), exited("Undo"), entered("Refused"))
    assert shown(taken(events, definition)) == {"Undo --catch:0--> Refused"}


@pytest.mark.parametrize("error", ["States.Runtime", "States.DataLimitExceeded", "UserNotFoundError"])
def test_an_error_seen_caught_where_step_functions_would_not_is_refused(error: str) -> None:
    events = history(entered("Ask"), failed(error), exited("Ask"), entered("Undo", "Pass"))
    with pytest.raises(ValueError, match=f"Ask went to Undo after {error}; its definition says otherwise"):
        taken(events, DEFINITION)


def test_a_history_of_another_definition_is_refused() -> None:
    with pytest.raises(ValueError, match="Undo went to Refused without an error"):
        taken(history(entered("Undo"), exited("Undo"), entered("Refused")), DEFINITION)
