"""Each function has a valid and an invalid input in `events/`, and bears getting the same one twice."""

import json
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from latchkey import iam, ssm
from latchkey.claims import TicketKind
from latchkey.errors import SealBrokenError, UserNotFoundError
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, PASSWORD, Stack, load_event

ROOT = Path(__file__).parents[2]
INVALID_INPUT_OF_TASKS: dict[str, type[Exception]] = {
    "confirm_request": ValueError,
    "find_orphans": KeyError,
    "forget_request": ValueError,
    "generate_password": KeyError,
    "notify_claimed": ValueError,
    "notify_expired": KeyError,
    "notify_failed": KeyError,
    "remove_orphans": ValueError,
    "reset_iam_password": SealBrokenError,
    "revoke_password": ValueError,
    "send_claim_link": SealBrokenError,
    "store_password": SealBrokenError,
    "validate_user": UserNotFoundError,
}
ENDPOINTS = ["answer_request", "disown_claim", "request_reset", "reveal_password"]
FOLDERS = ["reset", "cleanup"]
#: Whatever else lies in `events/`: inputs of state machines and of the pages.
OTHERS = {
    "reset_machine_valid",
    "reset_machine_confirm",
    "reset_machine_invalid",
    "cleanup_machine_valid",
    "reminders_machine_valid",
    "reminders_machine_invalid",
}


def invoke(function: str, event: dict[str, Any]) -> dict[str, Any]:
    (folder,) = [each for each in FOLDERS if (ROOT / "functions" / each / f"{function}.py").exists()]
    result: dict[str, Any] = import_module(f"{folder}.{function}").handler(event, CONTEXT)
    return result


@pytest.fixture
def reset(sealing_stack: Stack) -> Stack:
    """Return a stack in the middle of a reset: lock, claim and waiting workflow, whichever a step needs."""
    sealing_stack.add_user(ALICE)
    ssm.take_lock(ALICE, EXECUTION, "reset")
    iam.set_password(ALICE, PASSWORD)
    sealing_stack.store_token(sealing_stack.store_claim())
    for kind in TicketKind:
        sealing_stack.store_ticket(kind)
    return sealing_stack


def valid_event(function: str, stack: Stack) -> dict[str, Any]:
    """Return the valid event; what depends on the stack is filled in here."""
    event = load_event(f"{function}_valid")
    if "sealed" in event:
        event["sealed"] = stack.seal(event["execution"])
    if "state_machine_arn" in event:
        event["state_machine_arn"] = os.environ["RESET_STATE_MACHINE_ARN"]
    if function == "disown_claim":
        ssm.release_lock(ALICE, EXECUTION)
    return event


def test_every_function_has_a_valid_and_an_invalid_event_and_nothing_else_does() -> None:
    functions = {
        path.stem
        for path in (ROOT / "functions").glob("*/[!_]*.py")
        if path.parent.name != "latchkey" and path.stem != "show_page"
    }
    events = {path.stem for path in (ROOT / "events").glob("*.json") if not path.stem.startswith("show_page")}
    assert events - OTHERS == {f"{name}_{kind}" for name in functions for kind in ("valid", "invalid")}


def test_every_event_of_a_reset_and_its_cleanup_is_used_here() -> None:
    functions = {path.stem for folder in FOLDERS for path in (ROOT / "functions" / folder).glob("[!_]*.py")}
    assert functions - {"show_page"} == {*INVALID_INPUT_OF_TASKS, *ENDPOINTS}


@pytest.mark.parametrize("function", INVALID_INPUT_OF_TASKS)
def test_a_task_accepts_its_valid_event(reset: Stack, function: str) -> None:
    json.dumps(invoke(function, valid_event(function, reset)))


@pytest.mark.parametrize(("function", "error"), INVALID_INPUT_OF_TASKS.items())
def test_a_task_refuses_its_invalid_event(reset: Stack, function: str, error: type[Exception]) -> None:
    before = (reset.password_of(), reset.parameters().keys())
    with pytest.raises(error):
        invoke(function, load_event(f"{function}_invalid"))
    assert (reset.password_of(), reset.parameters().keys()) == before


@pytest.mark.parametrize(
    ("function", "status"),
    [("answer_request", 200), ("disown_claim", 200), ("request_reset", 202), ("reveal_password", 200)],
)
def test_an_endpoint_accepts_its_valid_event(reset: Stack, function: str, status: int) -> None:
    assert invoke(function, valid_event(function, reset))["statusCode"] == status


@pytest.mark.usefixtures("reset")
@pytest.mark.parametrize("function", ENDPOINTS)
def test_an_endpoint_refuses_its_invalid_event(function: str) -> None:
    assert invoke(function, load_event(f"{function}_invalid"))["statusCode"] == 400


def state_of(stack: Stack) -> Callable[[], object]:
    """Return what tells everything a reset leaves behind, save passwords nobody is to know."""
    return lambda: (
        stack.password_of() == PASSWORD,
        iam.must_change_password(ALICE),
        {
            # Notices have a handle of their own at each try.
            name.partition("notices")[0]: parameter["Value"].partition("secret_sha256")[0]
            for name, parameter in stack.parameters().items()
        },
    )


@pytest.mark.parametrize("function", [*INVALID_INPUT_OF_TASKS, *ENDPOINTS])
def test_a_second_run_ends_where_the_first_did(reset: Stack, function: str) -> None:
    event = valid_event(function, reset)
    state = state_of(reset)
    invoke(function, event)
    after_one = state()
    invoke(function, event)
    assert state() == after_one
