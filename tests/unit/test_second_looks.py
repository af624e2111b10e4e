"""Functions that change an account or mail a secret look up the user and the address themselves."""

from collections.abc import Callable
from typing import Any

import pytest

from latchkey.errors import LatchkeyError, UserNotEligibleError, UserNotFoundError
from reset import confirm_request, notify_claimed, reset_iam_password, send_claim_link
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, HANDLE, IAM, OLD_PASSWORD, PASSWORD, TASK_TOKEN, Stack

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ConfirmRequest": confirm_request.handler,
    "ResetIamPassword": reset_iam_password.handler,
    "SendClaimLink": send_claim_link.handler,
}
EACH_FUNCTION = pytest.mark.parametrize("function", FUNCTIONS)


def run(stack: Stack, handler: Callable[..., Any], user: str = ALICE) -> None:
    """Run a function with the output of earlier states, and with what a replaced function may add to it."""
    event = {
        "execution": EXECUTION,
        "user": user,
        "name": "another",
        "unlock": False,
        "mail": "thief@example.com",
        "language": "",
        "window": "",
        "sealed": stack.seal(user=user),
        "handle": str(HANDLE),
        "expires_at": "2026-03-01T10:00:00Z",
        "entered_at": "2026-03-01T09:00:00Z",
        "claimed_at": "2026-03-01T09:30:00+00:00",
        "claimed_from": "192.0.2.10",
        "task_token": TASK_TOKEN,
    }
    handler(event, CONTEXT)


def tag() -> None:
    IAM.tag_user(UserName=ALICE, Tags=[{"Key": "Latchkey:Protected", "Value": ""}])


def move() -> None:
    IAM.update_user(UserName=ALICE, NewPath="/admins/")


def promote() -> None:
    IAM.create_group(GroupName="Administrators")
    IAM.add_user_to_group(GroupName="Administrators", UserName=ALICE)


def lock_out() -> None:
    IAM.delete_login_profile(UserName=ALICE)


def dismiss() -> None:
    lock_out()
    IAM.delete_user(UserName=ALICE)


CHANGES: list[tuple[Callable[[], None], type[LatchkeyError], str]] = [
    (tag, UserNotEligibleError, "protected by the tag"),
    (move, UserNotEligibleError, "protected by the path"),
    (promote, UserNotEligibleError, "protected by the group"),
    (lock_out, UserNotEligibleError, "no console password"),
    (dismiss, UserNotFoundError, "no user of that name"),
]


@EACH_FUNCTION
@pytest.mark.parametrize(("change", "error", "cause"), CHANGES)
def test_who_may_not_be_reset_any_more_is_not_whatever_earlier_states_said(
    sealing_stack: Stack,
    function: str,
    change: Callable[[], None],
    error: type[LatchkeyError],
    cause: str,
) -> None:
    sealing_stack.add_user()
    change()
    with pytest.raises(error, match=cause):
        run(sealing_stack, FUNCTIONS[function])
    written = {"UpdateItem", "PutItem", "UpdateLoginProfile", "SendEmail", "SendTaskFailure"}
    assert written.isdisjoint(sealing_stack.operations()[-4:])
    assert sealing_stack.mails() == []
    if change in {tag, move, promote}:
        assert sealing_stack.password_of() == OLD_PASSWORD


@pytest.mark.parametrize("handler", [*FUNCTIONS.values(), notify_claimed.handler])
def test_mail_goes_where_iam_says_now(sealing_stack: Stack, handler: Callable[..., Any]) -> None:
    sealing_stack.add_user("alice", tags={"email": "before@example.com"})
    IAM.tag_user(UserName="alice", Tags=[{"Key": "email", "Value": ALICE}])
    run(sealing_stack, handler, "alice")
    to = [mail.to for mail in sealing_stack.mails()]
    assert to == ([] if handler is reset_iam_password.handler else [ALICE])


@pytest.mark.parametrize("change", [tag, move, promote, lock_out])
def test_the_user_is_told_of_a_claim_whatever_has_changed(stack: Stack, change: Callable[[], None]) -> None:
    stack.add_user()
    change()
    event: notify_claimed.Event = {
        "execution": EXECUTION,
        "user": ALICE,
        "name": ALICE,
        "mail": "before@example.com",
        "language": "",
        "claimed_at": "2026-03-01T09:30:00+00:00",
        "claimed_from": "192.0.2.10",
    }
    notify_claimed.handler(event, CONTEXT)
    assert [mail.to for mail in stack.mails()] == [ALICE]


def test_the_account_is_taken_by_the_name_that_iam_spells(sealing_stack: Stack) -> None:
    # Else two spellings of one name would be two accounts to the registry.
    sealing_stack.add_user()
    sealing_stack.answer("GetUser", IAM.get_user(UserName=ALICE))
    run(sealing_stack, reset_iam_password.handler, ALICE.upper())
    assert sealing_stack.password_of() == PASSWORD
    assert sealing_stack.phase() == "resetting"
