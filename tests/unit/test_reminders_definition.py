"""What the reminders' machine decides by expressions of its own, asked of an evaluator of JSONata."""

from pathlib import Path

import pytest
from jsonata import Jsonata  # type: ignore[import-untyped]  # it ships no types

from tools.asl import own_states, read_definition

STATES = own_states(read_definition(Path(__file__).parents[2] / "statemachines" / "reminders.asl.json"))


def is_understood(given: object) -> bool:
    """Ask the first state about an execution's input."""
    (rule,) = STATES["CheckInput"]["Choices"]
    expression = Jsonata(rule["Condition"].removeprefix("{%").removesuffix("%}"))
    states = {"input": given, "context": {"Execution": {"Input": given}}}
    return expression.evaluate(None, {"states": states}) is True


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"mode": "dry-run"},
        {"mode": "test", "to": "tester@example.com"},
        {"user": "alice@example.com"},
        {"scheduled_at": "2031-01-01T06:00:00Z"},
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
        {"mode": "test"},
        {"mode": "test", "to": ["tester@example.com", "other@example.com"]},
        {"mode": "test", "to": None},
        {"to": "tester@example.com"},
        {"user": ""},
        {"user": 7},
    ],
)
def test_a_slip_of_the_pen_is_no_run(given: object) -> None:
    assert not is_understood(given)
