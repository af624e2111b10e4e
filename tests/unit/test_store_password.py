"""StorePassword puts the password where only the link finds it, while it holds the user's lock."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from latchkey import ssm
from latchkey.claims import Handle, user_key
from latchkey.errors import ServiceUnavailableError, SupersededError, ThrottledError
from reset.store_password import Event, Result, handler
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, EXPIRY, LINK_SECRET, PASSWORD, Stack

ENTERED_AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def event(stack: Stack) -> Event:
    return {
        "execution": EXECUTION,
        "user": ALICE,
        "sealed": stack.seal(),
        "entered_at": "2026-03-01T09:00:00.789Z",
    }


def store(stack: Stack) -> Result:
    ssm.take_lock(ALICE, EXECUTION, "reset")
    return handler(event(stack), CONTEXT)


def test_the_link_opens_what_was_stored(sealing_stack: Stack) -> None:
    handle = Handle.parse(store(sealing_stack)["handle"])
    assert handle is not None
    claim, _ = ssm.read_claim(handle)
    assert claim is not None
    assert (claim.password, claim.user, claim.execution) == (PASSWORD, ALICE, EXECUTION)
    assert claim.opens_with(LINK_SECRET, ENTERED_AT)


def test_the_link_lives_from_the_entry_into_the_state(sealing_stack: Stack) -> None:
    assert store(sealing_stack)["expires_at"] == "2026-03-01T10:00:00Z"


def test_handle_claim_and_result_agree_on_the_expiry(sealing_stack: Stack) -> None:
    result = store(sealing_stack)
    handle = Handle.parse(result["handle"])
    assert handle is not None
    claim, _ = ssm.read_claim(handle)
    assert claim is not None
    assert handle.expires_at == claim.expires_at == datetime.fromisoformat(result["expires_at"])


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


def test_the_result_names_the_parameters_the_workflow_uses(sealing_stack: Stack) -> None:
    result = store(sealing_stack)
    handle = Handle.parse(result["handle"])
    assert handle is not None
    assert (result["claim_parameter"], result["token_parameter"]) == (
        ssm.claim_name(handle),
        ssm.token_name(handle),
    )
    assert set(sealing_stack.parameters()) == {result["claim_parameter"]}


def test_neither_secret_is_returned_or_logged(
    sealing_stack: Stack, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    shown = json.dumps([store(sealing_stack), *lines()])
    assert PASSWORD not in shown
    assert LINK_SECRET not in shown


def test_the_lock_is_released_once_the_claim_stands(sealing_stack: Stack) -> None:
    store(sealing_stack)
    assert not ssm.holds_lock(ALICE, EXECUTION)
    stored, released = (
        sealing_stack.operations().index("PutParameter"),
        sealing_stack.operations().index("DeleteParameters"),
    )
    assert stored < released


def test_a_retry_returns_the_same_and_stores_no_second_claim(sealing_stack: Stack) -> None:
    first = store(sealing_stack)
    sealing_stack.calls.clear()
    assert handler(event(sealing_stack), CONTEXT) == first
    assert sealing_stack.sent("PutParameter") == []


def test_after_a_crash_before_the_release_the_retry_gets_to_the_end(sealing_stack: Stack) -> None:
    sealing_stack.refuse("DeleteParameters", "InternalServerError", 500)
    with pytest.raises(ServiceUnavailableError):
        store(sealing_stack)
    result = handler(event(sealing_stack), CONTEXT)
    assert set(sealing_stack.parameters()) == {result["claim_parameter"]}


def test_a_retry_after_a_newer_reset_took_over_stores_nothing(sealing_stack: Stack) -> None:
    store(sealing_stack)
    for handle in ssm.waiting(user_key(ALICE)):
        ssm.supersede_claim(handle)
    with pytest.raises(SupersededError):
        handler(event(sealing_stack), CONTEXT)
    assert sealing_stack.claims() == set()


def test_another_users_link_stays(sealing_stack: Stack) -> None:
    bob = sealing_stack.store_claim(Handle.of("bob@example.com", "bobs", EXPIRY))
    store(sealing_stack)
    assert ssm.claim_name(bob) in sealing_stack.claims()


def test_throttling_reaches_the_state_machine(sealing_stack: Stack) -> None:
    ssm.take_lock(ALICE, EXECUTION, "reset")
    sealing_stack.refuse("PutParameter", "ThrottlingException")
    with pytest.raises(ThrottledError):
        handler(event(sealing_stack), CONTEXT)
