"""ResetIamPassword gives the user the sealed password, to be changed at the next sign-in."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from latchkey import iam, ssm
from latchkey.claims import Handle, user_key
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
from reset.reset_iam_password import handler
from tests.unit.stack import (
    ALICE,
    CONTEXT,
    EXECUTION,
    EXPIRY,
    HANDLE,
    OLD_PASSWORD,
    PASSWORD,
    Stack,
)

OLDER = Handle.of(ALICE, "older", EXPIRY)


def reset(stack: Stack, execution: str = EXECUTION) -> None:
    handler({"execution": EXECUTION, "user": ALICE, "sealed": stack.seal(execution)}, CONTEXT)


def test_the_sealed_password_becomes_the_users(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    reset(sealing_stack)
    assert sealing_stack.password_of() == PASSWORD


def test_the_password_must_be_changed_at_the_next_sign_in(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    reset(sealing_stack)
    assert iam.must_change_password(ALICE)


def test_the_lock_is_kept_until_the_claim_is_stored(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    reset(sealing_stack)
    assert ssm.holds_lock(ALICE, EXECUTION)


def test_while_another_reset_holds_the_lock_nothing_changes(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    ssm.take_lock(ALICE, "another", "reset")
    sealing_stack.store_claim(OLDER)
    with pytest.raises(ResetInProgressError):
        reset(sealing_stack)
    assert sealing_stack.password_of() == OLD_PASSWORD
    assert sealing_stack.claims()


def test_older_links_end_before_the_password_changes(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    sealing_stack.store_token(sealing_stack.store_claim(OLDER), "older-token")
    sealing_stack.calls.clear()
    reset(sealing_stack)
    assert sealing_stack.claims() == set()
    operations = sealing_stack.operations()
    assert operations.index("DeleteParameters") < operations.index("UpdateLoginProfile")


def test_the_execution_of_an_older_link_is_told(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    sealing_stack.store_token(sealing_stack.store_claim(OLDER), "older-token")
    reset(sealing_stack)
    assert [call["taskToken"] for call in sealing_stack.sent("SendTaskFailure")] == ["older-token"]
    assert ssm.waiting(user_key(ALICE)) == {}


def test_an_older_execution_that_does_not_wait_yet_finds_a_mark(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    sealing_stack.store_claim(OLDER)
    reset(sealing_stack)
    assert sealing_stack.claims() == set()
    assert ssm.is_superseded(OLDER)
    assert sealing_stack.sent("SendTaskFailure") == []


def test_an_older_execution_that_is_over_does_not_disturb(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    sealing_stack.store_token(sealing_stack.store_claim(OLDER))
    sealing_stack.refuse("SendTaskFailure", "TaskTimedOut")
    reset(sealing_stack)
    assert ssm.waiting(user_key(ALICE)) == {}


@pytest.mark.parametrize("crash", ["SendTaskFailure", "DeleteParameters"])
def test_after_a_crash_while_ending_an_older_link_the_retry_ends_it(sealing_stack: Stack, crash: str) -> None:
    sealing_stack.add_user()
    sealing_stack.store_token(sealing_stack.store_claim(OLDER), "older-token")
    sealing_stack.refuse(crash, "InternalServerError", 500)
    with pytest.raises(ServiceUnavailableError):
        reset(sealing_stack)
    reset(sealing_stack)
    assert ssm.waiting(user_key(ALICE)) == {}
    assert "older-token" in [call["taskToken"] for call in sealing_stack.sent("SendTaskFailure")]


def test_its_own_earlier_try_is_no_other_reset(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    sealing_stack.store_claim()
    reset(sealing_stack)
    assert sealing_stack.claims() == {ssm.claim_name(HANDLE)}


def test_a_seal_of_another_execution_changes_nothing(sealing_stack: Stack) -> None:
    sealing_stack.add_user()
    with pytest.raises(SealBrokenError):
        reset(sealing_stack, "another")
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
