"""RevokePassword: after expiry or failure nothing that anybody holds opens the account."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from latchkey import iam, ssm
from latchkey.claims import Handle
from latchkey.errors import (
    EntityTemporarilyUnmodifiableError,
    ResetInProgressError,
    ServiceUnavailableError,
    ThrottledError,
)
from reset.revoke_password import Result, handler
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, EXPIRY, HANDLE, OLD_PASSWORD, PASSWORD, Stack

RESET_AT = "2026-03-01T09:00:00.123Z"
MINUTE = timedelta(minutes=1)


REVOKED: Result = {"revoked": True, "superseded": False}
LEFT_ALONE: Result = {"revoked": False, "superseded": False}
SUPERSEDED: Result = {"revoked": False, "superseded": True}


def revoke() -> Result:
    return handler({"execution": EXECUTION, "user": ALICE, "reset_at": RESET_AT}, CONTEXT)


@pytest.fixture
def expired(stack: Stack) -> Stack:
    """Return a stack in which nobody claimed the password that a reset gave Alice."""
    stack.add_user()
    iam.set_password(ALICE, PASSWORD)
    stack.store_token(stack.store_claim())
    return stack


def test_an_unclaimed_password_is_replaced(expired: Stack) -> None:
    assert revoke() == REVOKED
    assert expired.password_of() not in {None, PASSWORD}


def test_nobody_is_told_the_replacement(expired: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    result = revoke()
    assert str(expired.password_of()) not in str(result) + capsys.readouterr().out


def test_the_replacement_is_as_long_as_iam_allows(expired: Stack) -> None:
    revoke()
    assert len(expired.password_of() or "") == 128


def test_the_replacement_must_be_changed_too(expired: Stack) -> None:
    revoke()
    assert iam.must_change_password(ALICE)
    assert expired.password_of() != PASSWORD


def test_claim_and_token_are_gone(expired: Stack) -> None:
    revoke()
    assert expired.parameters() == {}


def test_the_password_goes_before_the_claim(expired: Stack) -> None:
    expired.calls.clear()
    revoke()
    operations = expired.operations()
    assert operations.index("UpdateLoginProfile") < operations.index("DeleteParameters")


def test_a_password_that_was_never_stored_is_replaced(stack: Stack) -> None:
    stack.add_user()
    ssm.take_lock(ALICE, EXECUTION, "reset")
    iam.set_password(ALICE, PASSWORD)
    assert revoke() == REVOKED
    assert stack.password_of() != PASSWORD


def test_a_reset_that_never_began_leaves_the_password_alone(stack: Stack) -> None:
    stack.add_user(must_change=True)
    assert revoke() == LEFT_ALONE
    assert stack.password_of() == OLD_PASSWORD
    assert stack.parameters() == {}


def test_while_another_reset_holds_the_lock_nothing_is_revoked(expired: Stack) -> None:
    ssm.take_lock(ALICE, "another", "reset")
    with pytest.raises(ResetInProgressError):
        revoke()
    assert expired.password_of() == PASSWORD


def test_a_claim_stored_by_a_step_that_then_failed_is_revoked(expired: Stack) -> None:
    ssm.take_lock(ALICE, EXECUTION, "reset")
    assert revoke() == REVOKED
    assert expired.parameters() == {}


def newer_reset(stack: Stack) -> Handle:
    """Let a newer reset give Alice another password."""
    ssm.supersede_claim(HANDLE)
    iam.set_password(ALICE, "NewerPassword-1")
    return stack.store_token(stack.store_claim(Handle.of(ALICE, "newer", EXPIRY)), "newer-token")


def test_a_superseded_reset_leaves_the_newer_password_and_claim_alone(expired: Stack) -> None:
    newer = newer_reset(expired)
    assert revoke() == LEFT_ALONE
    assert expired.password_of() == "NewerPassword-1"
    assert set(expired.parameters()) == {ssm.claim_name(newer), ssm.token_name(newer)}


def test_a_reset_superseded_before_it_waited_says_so_and_takes_the_mark_along(stack: Stack) -> None:
    stack.add_user()
    stack.store_claim()
    newer = newer_reset(stack)
    assert revoke() == SUPERSEDED
    assert stack.password_of() == "NewerPassword-1"
    assert set(stack.parameters()) == {ssm.claim_name(newer), ssm.token_name(newer)}


def changed_the_password(stack: Stack) -> None:
    stack.choose_password(ALICE, "OwnPassword-1")


def signed_in(stack: Stack) -> None:
    stack.sign_in(ALICE, datetime.fromisoformat(RESET_AT) + MINUTE)


@pytest.mark.parametrize("take_over", [changed_the_password, signed_in])
def test_a_password_somebody_made_their_own_is_left_alone(
    expired: Stack, take_over: Callable[[Stack], None]
) -> None:
    take_over(expired)
    own = expired.password_of()
    assert revoke() == LEFT_ALONE
    assert expired.password_of() == own


def test_a_claim_nobody_needs_any_more_goes_all_the_same(expired: Stack) -> None:
    signed_in(expired)
    revoke()
    assert expired.parameters() == {}


def test_a_sign_in_before_the_reset_keeps_no_password(expired: Stack) -> None:
    expired.sign_in(ALICE, datetime.fromisoformat(RESET_AT) - MINUTE)
    assert revoke() == REVOKED


def test_a_user_who_is_gone_has_nothing_to_revoke(stack: Stack) -> None:
    stack.store_claim()
    assert revoke() == LEFT_ALONE
    assert stack.parameters() == {}


def test_a_user_without_console_access_is_not_given_any(stack: Stack) -> None:
    stack.add_user(password=None)
    stack.store_claim()
    assert revoke() == LEFT_ALONE
    assert stack.password_of() is None


def test_console_access_that_goes_meanwhile_is_not_given_back(expired: Stack) -> None:
    expired.refuse("UpdateLoginProfile", "NoSuchEntity", 404)
    assert revoke() == LEFT_ALONE


def test_after_a_crash_between_password_and_claim_the_retry_ends_revoked(expired: Stack) -> None:
    expired.refuse("DeleteParameters", "InternalServerError", 500)
    with pytest.raises(ServiceUnavailableError):
        revoke()
    assert revoke() == REVOKED
    assert expired.password_of() != PASSWORD
    assert expired.parameters() == {}


@pytest.mark.parametrize(
    ("code", "error"),
    [("EntityTemporarilyUnmodifiable", EntityTemporarilyUnmodifiableError), ("Throttling", ThrottledError)],
)
def test_while_iam_is_busy_the_claim_stays_for_the_retry(
    expired: Stack, code: str, error: type[Exception]
) -> None:
    expired.refuse("UpdateLoginProfile", code)
    with pytest.raises(error):
        revoke()
    assert expired.claims()
    assert revoke() == REVOKED


def test_another_users_claim_stays(expired: Stack) -> None:
    bob = expired.store_claim(Handle.of("bob@example.com", EXECUTION, EXPIRY))
    revoke()
    assert expired.claims() == {ssm.claim_name(bob)}
