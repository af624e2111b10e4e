"""What the reminders' machine decides by expressions of its own, asked of an evaluator of JSONata."""

from pathlib import Path

import pytest
from jsonata import Jsonata  # type: ignore[import-untyped]  # it ships no types

from tools.asl import all_states, error_names, own_states, read_definition

DEFINITION = read_definition(Path(__file__).parents[2] / "statemachines" / "reminders.asl.json")
STATES = own_states(DEFINITION)


NOW = "2026-11-26T06:00:00.123Z"
ADMIN = "ops@example.com"


def is_understood(given: object, admin: str = ADMIN) -> bool:
    """Ask the first state about the input of an execution that starts now."""
    (rule,) = STATES["CheckInput"]["Choices"]
    condition = rule["Condition"].replace("${AdminAddress}", admin)
    expression = Jsonata(condition.removeprefix("{%").removesuffix("%}"))
    states = {"input": given, "context": {"Execution": {"Input": given, "StartTime": NOW}}}
    return expression.evaluate(None, {"states": states}) is True


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"mode": "dry-run"},
        {"mode": "test"},
        {"mode": "test", "to": ADMIN},
        {"user": "alice@example.com"},
        {"scheduled_at": "2026-11-26T06:00:00Z"},
        {"scheduled_at": "2026-11-26T07:00:00+01:00"},
        {"scheduled_at": "2026-11-26T06:00:59Z"},
        {"scheduled_at": "2026-11-25T06:00:01Z"},
    ],
)
def test_an_input_that_says_what_to_do_is_understood(given: object) -> None:
    assert is_understood(given)


@pytest.mark.parametrize(
    "given",
    [
        None,
        True,
        7,
        "x",
        "dry-run",
        [],
        [{}],
        ["dry-run"],
        [{"mode": "dry-run"}],
        {"mode": "dryrun"},
        {"mode": None},
        {"dry-run": "yes"},
        {"mode": "test", "to": "tester@example.com"},
        {"mode": "test", "to": "OPS@example.com"},
        {"mode": "test", "to": [ADMIN]},
        {"mode": "test", "to": ["tester@example.com", "other@example.com"]},
        {"mode": "test", "to": None},
        {"to": "tester@example.com"},
        {"to": ADMIN},
        {"scheduled_at": "2026-11-27T06:00:00Z"},
        {"scheduled_at": "2026-11-26T06:01:01Z"},
        {"scheduled_at": "2026-11-25T06:00:00Z"},
        {"scheduled_at": "2031-01-01T06:00:00Z"},
        {"scheduled_at": "2026-11-26"},
        {"scheduled_at": "soon"},
        {"scheduled_at": ""},
        {"scheduled_at": None},
        {"scheduled_at": 1},
        {"scheduled_at": ["2026-11-26T06:00:00Z"]},
        {"user": ""},
        {"user": 7},
    ],
)
def test_a_slip_of_the_pen_is_no_run(given: object) -> None:
    assert not is_understood(given)


@pytest.mark.parametrize(
    "given", [{"mode": "test"}, {"mode": "test", "to": ""}, {"mode": "test", "to": ADMIN}]
)
def test_without_an_administrator_there_is_no_test_run(given: object) -> None:
    assert not is_understood(given, admin="")


def test_what_another_try_cannot_mend_stops_all_batches_at_once() -> None:
    sender = dict(all_states(DEFINITION))["SendReminders"]
    untried, stopping = sender["Retry"][0], sender["Catch"][0]
    assert untried["MaxAttempts"] == 0
    assert {*error_names(untried)} == {*error_names(stopping)}
    assert "MailRefusedError" in error_names(stopping)
