"""ResetIamPassword gives the user the sealed password, to be changed at the next sign-in."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from latchkey import iam
from latchkey.errors import (
    EntityTemporarilyUnmodifiableError,
    LatchkeyError,
    PasswordPolicyViolationError,
    SealBrokenError,
    ThrottledError,
    UserNotEligibleError,
)
from reset.reset_iam_password import handler
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, OLD_PASSWORD, PASSWORD, Stack


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
