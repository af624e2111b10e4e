"""StorePassword puts the password where only the link finds it, and then tells the registry."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from latchkey.adapters import registry, ssm
from latchkey.domain.claims import Handle, item_id, user_key
from latchkey.domain.resets import Item, Phase, Reset
from latchkey.errors import ServiceUnavailableError, SupersededError, ThrottledError
from reset.store_password import Event, Result, handler
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, LINK_SECRET, PASSWORD, TASK_TOKEN, Stack

KEY = user_key(ALICE)


def event(stack: Stack) -> Event:
    return {
        "execution": EXECUTION,
        "user": ALICE,
        "sealed": stack.seal(),
        "entered_at": "2026-03-01T09:00:00.789Z",
    }


def store(stack: Stack) -> Result:
    stack.keep_reset(Phase.RESETTING)
    stack.calls.clear()
    return handler(event(stack), CONTEXT)


def current() -> Reset:
    found = registry.read(KEY).current
    assert found
    return found


def test_the_password_waits_and_the_registry_knows_the_links_hash(sealing_stack: Stack) -> None:
    handle = Handle.parse(store(sealing_stack)["handle"])
    assert handle is not None
    assert list(sealing_stack.passwords().values()) == [PASSWORD]
    assert (current().phase, current().secret_sha256) == (Phase.STORED, handle.proof(LINK_SECRET))


def test_the_password_is_there_before_the_registry_names_it(sealing_stack: Stack) -> None:
    store(sealing_stack)
    assert sealing_stack.operations()[-2:] == ["PutParameter", "UpdateItem"]


def test_the_link_lives_from_the_entry_into_the_state(sealing_stack: Stack) -> None:
    assert store(sealing_stack)["expires_at"] == "2026-03-01T10:00:00Z"


def test_handle_registry_and_result_agree_on_the_expiry(sealing_stack: Stack) -> None:
    result = store(sealing_stack)
    handle = Handle.parse(result["handle"])
    assert handle is not None
    known = datetime.fromtimestamp(current().expires_at, UTC)
    assert handle.expires_at == known == datetime.fromisoformat(result["expires_at"])


def test_five_minutes_after_its_time_it_is_due_for_the_cleanup(sealing_stack: Stack) -> None:
    store(sealing_stack)
    assert registry.read(KEY).due_at == current().expires_at + 300


def test_the_stack_decides_how_many_minutes_a_link_lives(
    sealing_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIM_TTL_MINUTES", "5")
    assert store(sealing_stack)["expires_at"] == "2026-03-01T09:05:00Z"


def test_for_a_trial_a_link_may_live_for_seconds(
    sealing_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIM_TTL_SECONDS", "8")
    assert store(sealing_stack)["expires_at"] == "2026-03-01T09:00:08Z"


def test_the_result_names_what_the_workflow_uses(sealing_stack: Stack) -> None:
    result = store(sealing_stack)
    assert result["item"] == item_id(KEY)
    assert set(sealing_stack.passwords()) == {result["parameter"]}


def test_neither_secret_is_returned_or_logged(
    sealing_stack: Stack, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    shown = json.dumps([store(sealing_stack), *lines()])
    assert PASSWORD not in shown
    assert LINK_SECRET not in shown


def test_the_older_reset_needs_no_remembering_any_more(sealing_stack: Stack) -> None:
    older = Reset(execution="older", phase=Phase.WAITING, user=ALICE, task_token=TASK_TOKEN)
    begun = Reset(execution=EXECUTION, phase=Phase.RESETTING, user=ALICE)
    sealing_stack.keep(Item(current=begun, older=older, due_at=1))
    handler(event(sealing_stack), CONTEXT)
    assert registry.read(KEY).older is None


def test_a_retry_returns_the_same_and_leaves_one_password(sealing_stack: Stack) -> None:
    first = store(sealing_stack)
    assert handler(event(sealing_stack), CONTEXT) == first
    assert list(sealing_stack.passwords()) == [first["parameter"]]
    assert current().phase == Phase.STORED


def test_after_a_crash_between_the_two_writes_the_retry_gets_to_the_end(sealing_stack: Stack) -> None:
    sealing_stack.keep_reset(Phase.RESETTING)
    sealing_stack.refuse("UpdateItem", "InternalServerError", 500)
    with pytest.raises(ServiceUnavailableError):
        handler(event(sealing_stack), CONTEXT)
    result = handler(event(sealing_stack), CONTEXT)
    assert set(sealing_stack.passwords()) == {result["parameter"]}
    assert current().phase == Phase.STORED


@pytest.mark.parametrize(
    ("phase", "execution"),
    [
        (Phase.RESETTING, "newer"),
        (Phase.WAITING, "newer"),
        (Phase.REVOKING, EXECUTION),
        (Phase.OVER, EXECUTION),
    ],
)
def test_a_reset_that_lost_the_account_leaves_no_password(
    sealing_stack: Stack, phase: Phase, execution: str
) -> None:
    sealing_stack.keep_reset(phase, execution, password="")
    with pytest.raises(SupersededError):
        handler(event(sealing_stack), CONTEXT)
    assert sealing_stack.passwords() == {}
    assert sealing_stack.phase() == phase


def test_another_resets_password_stays(sealing_stack: Stack) -> None:
    sealing_stack.keep_reset(Phase.WAITING, "newer", password="Newer-1")
    with pytest.raises(SupersededError):
        handler(event(sealing_stack), CONTEXT)
    assert sealing_stack.passwords() == {ssm.password_parameter("newer"): "Newer-1"}


def test_throttling_reaches_the_state_machine(sealing_stack: Stack) -> None:
    sealing_stack.keep_reset(Phase.RESETTING)
    sealing_stack.refuse("PutParameter", "ThrottlingException")
    with pytest.raises(ThrottledError):
        handler(event(sealing_stack), CONTEXT)
    assert sealing_stack.phase() == Phase.RESETTING
