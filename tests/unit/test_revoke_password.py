"""RevokePassword: after expiry or failure no password and no link opens the account."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from latchkey.adapters import iam, registry, ssm
from latchkey.domain.claims import user_key
from latchkey.domain.resets import Item, Phase, Reset
from latchkey.errors import (
    EntityTemporarilyUnmodifiableError,
    ResetInProgressError,
    ServiceUnavailableError,
    ThrottledError,
)
from reset.revoke_password import Result, handler
from tests.unit.stack import (
    ALICE,
    CLAIM_KEY,
    CONTEXT,
    EXECUTION,
    NOW,
    OLD_PASSWORD,
    PASSWORD,
    Stack,
    client_error,
)

MINUTE = timedelta(minutes=1)
#: The stack's reset began a minute ago, and was stored half a minute ago.
RESET_AT = NOW - MINUTE


REVOKED: Result = {"revoked": True, "superseded": False}
LEFT_ALONE: Result = {"revoked": False, "superseded": False}
SUPERSEDED: Result = {"revoked": False, "superseded": True}


def revoke(*, began: bool = True) -> Result:
    return handler({"execution": EXECUTION, "user": ALICE, "began": began}, CONTEXT)


@pytest.fixture
def expired(stack: Stack) -> Stack:
    """Return a stack in which the password that a reset gave Alice was not claimed."""
    stack.add_user()
    iam.set_password(ALICE, PASSWORD)
    stack.keep_reset()
    return stack


def test_an_unclaimed_password_is_replaced(expired: Stack) -> None:
    assert revoke() == REVOKED
    assert expired.password_of() not in {None, PASSWORD}


def test_the_replacement_is_told_to_no_one(expired: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    result = revoke()
    assert str(expired.password_of()) not in str(result) + capsys.readouterr().out


def test_the_replacement_is_as_long_as_iam_allows(expired: Stack) -> None:
    revoke()
    assert len(expired.password_of() or "") == 128


def test_the_replacement_must_be_changed_too(expired: Stack) -> None:
    revoke()
    assert iam.login_profile(ALICE).must_change
    assert expired.password_of() != PASSWORD


def test_the_reset_is_over_and_its_password_is_gone(expired: Stack) -> None:
    revoke()
    assert expired.passwords() == {}
    assert expired.phase() == Phase.OVER
    assert registry.read(user_key(ALICE)).due_at == 0


def test_the_account_is_taken_first_and_given_back_last(expired: Stack) -> None:
    expired.calls.clear()
    revoke()
    writes = [each for each in expired.operations() if each.startswith(("Update", "Delete"))]
    assert writes == ["UpdateItem", "UpdateLoginProfile", "UpdateItem", "DeleteParameter"]


@pytest.mark.parametrize("phase", [Phase.RESETTING, Phase.STORED, Phase.WAITING, Phase.CLAIMED])
def test_an_own_reset_is_undone_however_far_it_came(stack: Stack, phase: Phase) -> None:
    # A claim that won the item but lost the token's last instant showed nothing.
    stack.add_user()
    iam.set_password(ALICE, PASSWORD)
    stack.keep_reset(phase)
    assert revoke() == REVOKED
    assert stack.password_of() != PASSWORD
    assert stack.passwords() == {}


def test_a_reset_that_never_began_leaves_the_password_alone(stack: Stack) -> None:
    stack.add_user(must_change=True)
    assert revoke(began=False) == LEFT_ALONE
    assert stack.password_of() == OLD_PASSWORD
    assert stack.phase() is None


def test_while_another_undoes_it_nothing_is_revoked(expired: Stack) -> None:
    expired.keep_reset(Phase.REVOKING, undone_by="a-cleanup")
    with pytest.raises(ResetInProgressError):
        revoke()
    assert expired.password_of() == PASSWORD


def test_an_older_reset_that_was_not_told_yet_is_told_when_the_newer_is_undone(stack: Stack) -> None:
    stack.add_user()
    ssm.store_password("older", "Older-1", "hash", NOW, CLAIM_KEY)
    older = Reset(execution="older", phase=Phase.WAITING, user=ALICE, task_token="older-token")
    begun = Reset(execution=EXECUTION, phase=Phase.RESETTING, user=ALICE)
    stack.keep(Item(current=begun, older=older, due_at=1))
    revoke()
    assert [call["taskToken"] for call in stack.sent("SendTaskFailure")] == ["older-token"]
    assert stack.passwords() == {}


def newer_reset(stack: Stack) -> None:
    """Let a newer reset give Alice another password."""
    iam.set_password(ALICE, "NewerPassword-1")
    stack.keep_reset(execution="newer", password="NewerPassword-1")


def test_a_superseded_reset_leaves_the_newer_one_alone_and_says_so(expired: Stack) -> None:
    newer_reset(expired)
    before = registry.read(user_key(ALICE))
    assert revoke() == SUPERSEDED
    assert expired.password_of() == "NewerPassword-1"
    assert expired.passwords() == {ssm.password_parameter("newer"): "NewerPassword-1"}
    assert registry.read(user_key(ALICE)) == before


def test_a_failure_before_the_account_was_taken_is_no_superseding(stack: Stack) -> None:
    stack.add_user()
    newer_reset(stack)
    assert revoke(began=False) == LEFT_ALONE


def changed_the_password(stack: Stack) -> None:
    stack.choose_password(ALICE, "OwnPassword-1")


def signed_in(stack: Stack) -> None:
    stack.sign_in(ALICE, RESET_AT + MINUTE)


def got_another_password_from_an_administrator(stack: Stack) -> None:
    profile = {"UserName": ALICE, "CreateDate": NOW + MINUTE, "PasswordResetRequired": True}
    stack.answer("GetLoginProfile", {"LoginProfile": profile})


@pytest.mark.parametrize(
    "take_over", [changed_the_password, signed_in, got_another_password_from_an_administrator]
)
def test_a_password_that_its_user_has_changed_is_left_alone(
    expired: Stack, take_over: Callable[[Stack], None]
) -> None:
    take_over(expired)
    own = expired.password_of()
    assert revoke() == LEFT_ALONE
    assert expired.password_of() == own


def test_a_stored_password_goes_all_the_same(expired: Stack) -> None:
    signed_in(expired)
    revoke()
    assert expired.passwords() == {}


def test_a_sign_in_before_the_reset_keeps_no_password(expired: Stack) -> None:
    expired.sign_in(ALICE, RESET_AT - MINUTE)
    assert revoke() == REVOKED


def test_a_user_who_is_gone_has_nothing_to_revoke(stack: Stack) -> None:
    stack.keep_reset()
    assert revoke() == LEFT_ALONE
    assert stack.passwords() == {}


def test_a_user_without_console_access_is_not_given_any(stack: Stack) -> None:
    stack.add_user(password=None)
    stack.keep_reset()
    assert revoke() == LEFT_ALONE
    assert stack.password_of() is None


def test_console_access_that_goes_meanwhile_is_not_given_back(expired: Stack) -> None:
    expired.refuse("UpdateLoginProfile", "NoSuchEntity", 404)
    assert revoke() == LEFT_ALONE


@pytest.mark.parametrize("crash", ["UpdateLoginProfile", "UpdateItem", "DeleteParameter"])
def test_after_a_crash_at_any_write_the_retry_ends_undone(expired: Stack, crash: str) -> None:
    faults = [client_error("InternalServerError", 500)]
    for passed in range(2):
        expired.keep_reset()
        iam.set_password(ALICE, PASSWORD)
        expired.fail(crash, *faults, after=passed)
        for _ in range(2):
            with suppress(ServiceUnavailableError):
                revoke()
        assert expired.password_of() != PASSWORD
        assert (expired.phase(), expired.passwords()) == (Phase.OVER, {})


@pytest.mark.parametrize(
    ("code", "error"),
    [("EntityTemporarilyUnmodifiable", EntityTemporarilyUnmodifiableError), ("Throttling", ThrottledError)],
)
def test_while_iam_is_busy_the_account_is_kept_for_the_retry(
    expired: Stack, code: str, error: type[Exception]
) -> None:
    expired.refuse("UpdateLoginProfile", code)
    with pytest.raises(error):
        revoke()
    assert expired.phase() == Phase.REVOKING
    assert revoke() == REVOKED
