"""The tree of errors, as its module prints it and as the state machines retry it."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from latchkey import errors
from latchkey.errors import LatchkeyError, RejectedError, TransientError
from tools.asl import all_states, read_definition

STATEMACHINES = Path(__file__).parents[2] / "statemachines"

#: Retried although time alone does not help: IAM and Secrets Manager may show the present a moment late.
SHOWN_LATE = {"CredentialsGoneError", "CredentialsRefusedError", "KeyLimitError"}


def tree(error: type[LatchkeyError], indent: str = "") -> Iterator[str]:
    yield f"{indent}{error.__name__}"
    for each in error.__subclasses__():
        yield from tree(each, indent + " " * 4)


def below(error: type[LatchkeyError]) -> set[str]:
    return {line.strip() for line in tree(error)}


def named(*, retried: bool) -> set[str]:
    """Return our errors that a retrier names which does try again, or which does not."""
    states = (
        state for path in STATEMACHINES.glob("*.asl.json") for _, state in all_states(read_definition(path))
    )
    retriers = [each for state in states for each in state.get("Retry", [])]
    names = {
        name for each in retriers if bool(each["MaxAttempts"]) is retried for name in each["ErrorEquals"]
    }
    return names & below(LatchkeyError)


def test_the_module_prints_its_tree() -> None:
    _, _, printed = str(errors.__doc__).partition("\n    LatchkeyError\n")
    assert dedent(f"    LatchkeyError\n{printed}").split("\n")[:-1] == list(tree(LatchkeyError))


def test_every_error_says_when_it_is_raised() -> None:
    silent = [
        name
        for name in below(LatchkeyError) - {"LatchkeyError"}
        if not str(getattr(errors, name).__doc__).startswith("When ")
    ]
    assert silent == []


def test_only_what_passes_is_retried() -> None:
    assert named(retried=True) - below(TransientError) == SHOWN_LATE


def test_nothing_that_passes_is_given_up_at_once() -> None:
    assert named(retried=False) & below(TransientError) == set()


@pytest.mark.parametrize(
    "name", ["TransientError", "OperatorError", "RejectedError", "CallerError", "LatchkeyError"]
)
def test_no_state_names_a_base(name: str) -> None:
    words = {each for path in STATEMACHINES.glob("*.asl.json") for each in path.read_text("utf-8").split('"')}
    assert name not in words


def test_each_rejection_ends_in_rejected() -> None:
    states = dict(all_states(read_definition(STATEMACHINES / "reset.asl.json")))
    (caught,) = (
        each["ErrorEquals"] for each in states["ValidateUser"]["Catch"] if each["Next"] == "Rejected"
    )
    assert set(caught) == below(RejectedError) - {"RejectedError"}
