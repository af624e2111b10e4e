"""ResetIamPassword gives the user the sealed password, to be changed at the next sign-in."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from latchkey.adapters import iam, registry, ssm
from latchkey.domain.claims import user_key
from latchkey.domain.resets import Phase
from latchkey.errors import (
    EntityTemporarilyUnmodifiableError,
    LatchkeyError,
    PasswordPolicyViolationError,
    ResetInProgressError,
    SealBrokenError,
    ServiceUnavailableError,
    ThrottledError,
    UserNotEligibleError,
)
from reset.reset_iam_password import Event, handler
from tests.unit.stack import ALICE, CLAIM_KEY, CONTEXT, EXECUTION, NOW, OLD_PASSWORD, PASSWORD, Stack

KEY = user_key(ALICE)


def reset(stack: Stack, execution: str = EXECUTION, user: str = ALICE) -> None:
    sealed = stack.seal(execution, user)
    event: Event = {"execution": EXECUTION, "user": ALICE, "window": KEY, "sealed": sealed}
    handler(event, CONTEXT)


def test_the_sealed_password_becomes_the_users(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    reset(sealing_stack)
    assert sealing_stack.password_of() == PASSWORD


def test_the_password_must_be_changed_at_the_next_sign_in(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    reset(sealing_stack)
    assert iam.login_profile(ALICE).must_change


def test_the_account_is_taken_until_the_password_is_stored(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    reset(sealing_stack)
    item = registry.read(KEY)
    assert item.current
    assert (item.current.execution, item.current.phase) == (EXECUTION, Phase.RESETTING)
    assert (item.current.user, item.current.window) == (ALICE, KEY)
    # Longer than every try of this step and the next takes.
    assert item.due_at == item.current.begun_at + 30 * 60


@pytest.mark.parametrize("phase", [Phase.RESETTING, Phase.REVOKING])
def test_while_another_changes_the_account_nothing_happens(sealing_stack: Stack, phase: Phase) -> None:
    sealing_stack.add_user()
    sealing_stack.keep_reset(phase, "another")
    with pytest.raises(ResetInProgressError):
        reset(sealing_stack)
    assert sealing_stack.password_of() == OLD_PASSWORD
    assert sealing_stack.phase() == phase


def test_older_links_end_before_the_password_changes(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    sealing_stack.keep_reset(execution="older", token="older-token")
    sealing_stack.calls.clear()
    reset(sealing_stack)
    assert sealing_stack.operations()[-4:] == [
        "UpdateItem",
        "SendTaskFailure",
        "DeleteParameter",
        "UpdateLoginProfile",
    ]
    assert sealing_stack.passwords() == {}
    assert [call["taskToken"] for call in sealing_stack.sent("SendTaskFailure")] == ["older-token"]


def test_an_older_execution_that_does_not_wait_yet_finds_out_by_itself(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    sealing_stack.keep_reset(Phase.STORED, "older")
    reset(sealing_stack)
    assert sealing_stack.passwords() == {}
    assert sealing_stack.sent("SendTaskFailure") == []


def test_an_older_execution_that_is_over_does_not_disturb(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    sealing_stack.keep_reset(execution="older")
    sealing_stack.refuse("SendTaskFailure", "TaskTimedOut")
    reset(sealing_stack)
    assert sealing_stack.password_of() == PASSWORD


def test_of_an_older_reset_that_was_undone_nothing_is_left_to_end(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    sealing_stack.keep_reset(Phase.OVER, "older", password="")
    reset(sealing_stack)
    assert {"SendTaskFailure", "DeleteParameter"}.isdisjoint(sealing_stack.operations())


@pytest.mark.parametrize("crash", ["SendTaskFailure", "DeleteParameter", "UpdateLoginProfile"])
def test_after_a_crash_while_ending_an_older_link_the_retry_ends_it(sealing_stack: Stack, crash: str) -> None:
    sealing_stack.add_user()
    sealing_stack.keep_reset(execution="older", token="older-token")
    sealing_stack.refuse(crash, "InternalServerError", 500)
    with pytest.raises(ServiceUnavailableError):
        reset(sealing_stack)
    reset(sealing_stack)
    assert sealing_stack.passwords() == {}
    assert "older-token" in [call["taskToken"] for call in sealing_stack.sent("SendTaskFailure")]
    assert sealing_stack.password_of() == PASSWORD


def test_its_own_earlier_try_is_no_other_reset(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    reset(sealing_stack)
    ssm.store_password(EXECUTION, PASSWORD, "hash", NOW, CLAIM_KEY)
    reset(sealing_stack)
    assert list(sealing_stack.passwords().values()) == [PASSWORD]
    assert registry.read(KEY).older is None


@pytest.mark.parametrize("sealed_for", [("another", ALICE), (EXECUTION, "bob@example.com")])
def test_a_seal_of_another_execution_or_user_changes_nothing(
    sealing_stack: Stack, sealed_for: tuple[str, str]
) -> None:
    sealing_stack.add_user()
    with pytest.raises(SealBrokenError):
        reset(sealing_stack, *sealed_for)
    assert sealing_stack.password_of() == OLD_PASSWORD


def test_console_access_that_is_gone_is_not_granted_anew(sealing_stack: Stack) -> None:
    sealing_stack.add_user(password=None)
    with pytest.raises(UserNotEligibleError):
        reset(sealing_stack)
    assert sealing_stack.password_of() is None


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("EntityTemporarilyUnmodifiable", EntityTemporarilyUnmodifiableError),
        ("PasswordPolicyViolation", PasswordPolicyViolationError),
        ("Throttling", ThrottledError),
    ],
)
def test_a_refusal_reaches_the_state_machine_by_name_and_without_the_password(
    sealing_stack: Stack, lines: Callable[[], list[dict[str, Any]]], code: str, error: type[LatchkeyError]
) -> None:
    sealing_stack.add_user()
    sealing_stack.refuse("UpdateLoginProfile", code)
    with pytest.raises(error) as raised:
        reset(sealing_stack)
    assert PASSWORD not in json.dumps([str(raised.value), *lines()])
