"""Each function has a valid and an invalid input in `events/`, and bears getting the same one twice."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from uuid import UUID

import pytest

from latchkey.adapters import iam, registry
from latchkey.domain.action_links import LinkKind
from latchkey.domain.claims import user_key
from latchkey.domain.directory_users import DirectoryUser
from latchkey.domain.resets import Phase
from latchkey.errors import SealBrokenError, UserNotFoundError
from reset import unlock_directory_account
from tests.unit.stack import ALICE, CONTEXT, HANDLE, PASSWORD, Stack, load_event

ROOT = Path(__file__).parents[2]
INVALID_INPUT_OF_TASKS: dict[str, type[Exception]] = {
    "confirm_request": ValueError,
    "find_orphans": KeyError,
    "expire_request": ValueError,
    "generate_password": KeyError,
    "notify_claimed": ValueError,
    "notify_expired": KeyError,
    "notify_failed": KeyError,
    "remove_orphans": KeyError,
    "reset_directory_password": KeyError,
    "reset_iam_password": SealBrokenError,
    "revoke_password": KeyError,
    "send_claim_link": SealBrokenError,
    "store_password": SealBrokenError,
    "notify_unlocked": KeyError,
    "unlock_directory_account": ValueError,
    "validate_user": UserNotFoundError,
}
DANA = "directory/8af02d8d-ffa8-483b-a016-16e9f430b206"
ENDPOINTS = ["answer_request", "revoke_claim", "request_reset", "reveal_password"]
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


class Unlocked:
    """Stands for a directory that unlocks the account."""

    def unlock(self, identity: UUID, _now: object) -> DirectoryUser:
        return DirectoryUser(identity=identity, name="dana", mail="dana@corp.example.com")


def invoke(function: str, event: dict[str, Any]) -> dict[str, Any]:
    (folder,) = [each for each in FOLDERS if (ROOT / "functions" / each / f"{function}.py").exists()]
    result: dict[str, Any] = import_module(f"{folder}.{function}").handler(event, CONTEXT)
    return result


@pytest.fixture
def reset(sealing_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Return a stack in the middle of a reset: the workflow waits for its claim; a directory unlocks."""
    for name in ("DirectoryUsers", "read_login"):
        monkeypatch.setattr(unlock_directory_account, name, MagicMock())
    monkeypatch.setenv("DIRECTORY_SECRET", "directory")
    monkeypatch.setattr(unlock_directory_account, "DirectoryPasswords", lambda _: Unlocked())
    sealing_stack.add_user(ALICE)
    iam.set_password(ALICE, PASSWORD)
    sealing_stack.keep_reset()
    sealing_stack.answer_within({"user": DANA, "name": "dana", "mail": "dana@corp.example.com"})
    for kind in LinkKind:
        sealing_stack.keep_link(kind)
    return sealing_stack


def valid_event(function: str, stack: Stack) -> dict[str, Any]:
    """Return the valid event; what depends on the stack is filled in here."""
    event = load_event(f"{function}_valid")
    if "sealed" in event:
        event["sealed"] = stack.seal(event["execution"], event["user"])
    if "4102444800" in event.get("body", ""):
        # A handle in a file is past its time one day.
        event["body"] = json.dumps(json.loads(event["body"]) | {"ph": str(HANDLE)})
    if function in {"reset_iam_password", "store_password"}:
        stack.keep_reset(Phase.RESETTING)
    if function == "revoke_claim":
        stack.keep_reset(Phase.CLAIMED, password="", claimed_by="a claim")
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
    before = (reset.password_of(), reset.passwords().keys())
    with pytest.raises(error):
        invoke(function, load_event(f"{function}_invalid"))
    assert (reset.password_of(), reset.passwords().keys()) == before


@pytest.mark.parametrize(
    ("function", "status"),
    [("answer_request", 200), ("revoke_claim", 200), ("request_reset", 202), ("reveal_password", 200)],
)
def test_an_endpoint_accepts_its_valid_event(reset: Stack, function: str, status: int) -> None:
    assert invoke(function, valid_event(function, reset))["statusCode"] == status


@pytest.mark.usefixtures("reset")
@pytest.mark.parametrize("function", ENDPOINTS)
def test_an_endpoint_refuses_its_invalid_event(function: str) -> None:
    assert invoke(function, load_event(f"{function}_invalid"))["statusCode"] == 400


def state_of(stack: Stack) -> Callable[[], object]:
    """Return what lists everything a reset leaves behind, but for replaced passwords."""
    return lambda: (
        stack.password_of() == PASSWORD,
        iam.login_profile(ALICE).must_change,
        stack.passwords(),
        registry.read(user_key(ALICE)),
        # Each notice has a handle of its own.
        {kind: len(stack.links(kind)) for kind in (LinkKind.QUESTION,)},
    )


@pytest.mark.parametrize("function", [*INVALID_INPUT_OF_TASKS, *ENDPOINTS])
def test_a_second_run_ends_where_the_first_did(reset: Stack, function: str) -> None:
    event = valid_event(function, reset)
    state = state_of(reset)
    invoke(function, event)
    after_one = state()
    invoke(function, event)
    assert state() == after_one
