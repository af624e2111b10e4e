"""StorePassword puts the password where only the link finds it, and ends every older link of the user."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from latchkey import ssm
from latchkey.claims import Handle
from latchkey.errors import ServiceUnavailableError, ThrottledError
from reset.store_password import Event, Result, handler
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, EXPIRY, LINK_SECRET, PASSWORD, Stack

ENTERED_AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
OLDER = Handle.of(ALICE, "older", EXPIRY)


def event(stack: Stack) -> Event:
    return {
        "execution": EXECUTION,
        "user": ALICE,
        "sealed": stack.seal(),
        "entered_at": "2026-03-01T09:00:00.789Z",
    }


def store(stack: Stack) -> Result:
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
    assert sealing_stack.claims() == {result["claim_parameter"]}


def test_neither_secret_is_returned_or_logged(
    sealing_stack: Stack, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    shown = json.dumps([store(sealing_stack), *lines()])
    assert PASSWORD not in shown
    assert LINK_SECRET not in shown


def test_a_retry_returns_the_same_and_stores_no_second_claim(sealing_stack: Stack) -> None:
    sent = event(sealing_stack)
    assert handler(sent, CONTEXT) == handler(sent, CONTEXT)
    assert len(sealing_stack.claims()) == 1


def test_an_older_link_of_the_user_is_ended(sealing_stack: Stack) -> None:
    sealing_stack.store_token(sealing_stack.store_claim(OLDER), "older-token")
    result = store(sealing_stack)
    assert set(sealing_stack.parameters()) == {result["claim_parameter"]}


def test_the_execution_of_an_older_link_is_told(sealing_stack: Stack) -> None:
    sealing_stack.store_token(sealing_stack.store_claim(OLDER), "older-token")
    store(sealing_stack)
    assert [call["taskToken"] for call in sealing_stack.sent("SendTaskFailure")] == ["older-token"]


def test_an_older_execution_that_does_not_wait_yet_loses_its_claim_all_the_same(sealing_stack: Stack) -> None:
    sealing_stack.store_claim(OLDER)
    result = store(sealing_stack)
    assert sealing_stack.claims() == {result["claim_parameter"]}
    assert sealing_stack.sent("SendTaskFailure") == []


def test_an_older_execution_that_is_over_does_not_disturb(sealing_stack: Stack) -> None:
    sealing_stack.store_token(sealing_stack.store_claim(OLDER))
    sealing_stack.refuse("SendTaskFailure", "TaskTimedOut")
    result = store(sealing_stack)
    assert set(sealing_stack.parameters()) == {result["claim_parameter"]}


def test_its_own_waiting_execution_is_not_ended(sealing_stack: Stack) -> None:
    sealing_stack.store_token(Handle.of(ALICE, EXECUTION, ENTERED_AT + timedelta(hours=1)))
    store(sealing_stack)
    assert sealing_stack.sent("SendTaskFailure") == []


def test_another_users_link_stays(sealing_stack: Stack) -> None:
    bob = sealing_stack.store_claim(Handle.of("bob@example.com", "bobs", EXPIRY))
    store(sealing_stack)
    assert ssm.claim_name(bob) in sealing_stack.claims()


@pytest.mark.parametrize("crash", ["SendTaskFailure", "DeleteParameters"])
def test_after_a_crash_while_ending_an_older_link_the_retry_ends_it(sealing_stack: Stack, crash: str) -> None:
    sealing_stack.store_token(sealing_stack.store_claim(OLDER), "older-token")
    sealing_stack.refuse(crash, "InternalServerError", 500)
    sent = event(sealing_stack)
    with pytest.raises(ServiceUnavailableError):
        handler(sent, CONTEXT)
    result = handler(sent, CONTEXT)
    assert set(sealing_stack.parameters()) == {result["claim_parameter"]}
    assert "older-token" in [call["taskToken"] for call in sealing_stack.sent("SendTaskFailure")]


def test_an_older_execution_ends_before_its_claim_goes(sealing_stack: Stack) -> None:
    sealing_stack.store_token(sealing_stack.store_claim(OLDER))
    store(sealing_stack)
    operations = sealing_stack.operations()
    assert operations.index("SendTaskFailure") < operations.index("DeleteParameters")


def test_the_new_claim_stands_before_older_ones_go(sealing_stack: Stack) -> None:
    sealing_stack.store_claim(OLDER)
    sealing_stack.calls.clear()
    store(sealing_stack)
    operations = sealing_stack.operations()
    assert operations.index("PutParameter") < operations.index("DeleteParameters")


def test_throttling_reaches_the_state_machine(sealing_stack: Stack) -> None:
    sent = event(sealing_stack)
    sealing_stack.refuse("PutParameter", "ThrottlingException")
    with pytest.raises(ThrottledError):
        handler(sent, CONTEXT)
