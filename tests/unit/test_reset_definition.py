"""What the reset's machine makes of the input it was started with, asked of an evaluator of JSONata."""

from pathlib import Path
from typing import Any

import pytest
from jsonata import Jsonata  # type: ignore[import-untyped]  # it ships no types

from tools.asl import own_states, read_definition

STATES = own_states(read_definition(Path(__file__).parents[2] / "statemachines" / "reset.asl.json"))
VALIDATE = STATES["ValidateUser"]
FAILED = VALIDATE["Catch"][-1]["Assign"]

ASKED = {"user": "directory/dana", "window": "w", "confirm": True}
USER = {"user": "directory/4567", "name": "dana", "mail": "dana@example.com", "language": "de"}
AFTER_YES = {"confirmed_at": "2026-11-26T06:00:00+00:00", **USER, "window": "w", "unlock": True}
NO_ONE = {"user": "", "name": "", "mail": "", "language": ""}


def evaluate(field: str, given: object, started_with: object) -> Any:  # noqa: ANN401  # whatever JSON holds
    """Return what an expression says while the state's input is one thing and the execution's another."""
    states = {"input": given, "context": {"Execution": {"Input": started_with}}}
    return Jsonata(field.removeprefix("{%").removesuffix("%}")).evaluate(None, {"states": states})


def is_asked(given: object, started_with: object) -> object:
    payload, variable = (
        evaluate(each["confirm"], given, started_with)
        for each in (VALIDATE["Arguments"]["Payload"], VALIDATE["Assign"])
    )
    assert payload == variable
    return payload


@pytest.mark.parametrize(
    ("started_with", "asked"),
    [
        ({"user": "alice"}, False),
        ({"user": "alice", "confirm": "yes"}, False),
        ({"user": "alice", "confirm": True}, True),
        # A person who guesses passwords must not have the lock opened again and again.
        ({"user": "directory/dana", "unlock": True}, True),
        ({"user": "directory/dana", "unlock": True, "confirm": False}, True),
        (AFTER_YES, True),
    ],
)
def test_who_starts_an_unlocking_cannot_leave_out_the_question(
    started_with: dict[str, object], *, asked: bool
) -> None:
    assert is_asked(started_with, dict(started_with)) is asked


def test_after_a_yes_no_one_is_asked_again() -> None:
    assert is_asked(AFTER_YES, ASKED | {"unlock": True}) is False
    assert is_asked(AFTER_YES | {"unlock": False}, ASKED) is False


def test_whom_a_failure_is_mailed_to_is_what_an_earlier_look_found() -> None:
    assert evaluate(FAILED["user"], AFTER_YES, ASKED).items() >= USER.items()


@pytest.mark.parametrize("started_with", [ASKED, AFTER_YES, ASKED | USER])
def test_who_starts_an_execution_does_not_say_where_its_failure_is_mailed(
    started_with: dict[str, object],
) -> None:
    assert evaluate(FAILED["user"], started_with, dict(started_with)) == NO_ONE


def test_a_window_lets_a_reset_through_once() -> None:
    window = VALIDATE["Arguments"]["Payload"]["window"]
    assert evaluate(window, ASKED, dict(ASKED)) == "w"
    assert evaluate(window, {"user": "alice"}, {"user": "alice"}) == ""
    assert evaluate(window, AFTER_YES, ASKED) == ""
