"""POST /revoke: a password that somebody else was shown opens nothing any more."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from latchkey import iam, ssm
from latchkey.claims import Handle, TicketKind
from latchkey.http import Answer
from reset.disown_claim import REVOKED, handler
from tests.unit.stack import (
    ALICE,
    CONTEXT,
    EXECUTION,
    EXPIRY,
    HANDLE,
    IAM,
    LINK_SECRET,
    PASSWORD,
    Stack,
    load_event,
)

type Lines = Callable[[], list[dict[str, Any]]]

NEWER = Handle.of(ALICE, "newer", EXPIRY)


@pytest.fixture
def claimed(stack: Stack) -> Stack:
    """Return a stack in which the user's password was shown, and the notice mailed."""
    stack.add_user(password=PASSWORD, must_change=True)
    stack.store_ticket(TicketKind.NOTICE)
    stack.calls.clear()
    return stack


def post(**fields: object) -> Answer:
    body = {"ph": str(HANDLE), "rs": LINK_SECRET} | fields
    return handler(load_event("disown_claim_valid") | {"body": json.dumps(body)}, CONTEXT)


def test_the_password_that_was_shown_is_replaced(claimed: Stack) -> None:
    answered = post()
    assert (answered["statusCode"], json.loads(answered["body"])) == (200, {"message": REVOKED})
    assert claimed.password_of() != PASSWORD
    assert iam.must_change_password(ALICE)


def test_a_password_the_thief_chose_is_replaced_too(claimed: Stack) -> None:
    claimed.choose_password(ALICE, "The-Thief-5-Password")
    assert post()["statusCode"] == 200
    assert claimed.password_of() != "The-Thief-5-Password"


def test_links_that_wait_for_the_user_end(claimed: Stack) -> None:
    claimed.store_token(claimed.store_claim(NEWER), "newer-token")
    post()
    assert claimed.claims() == set()
    assert [call["taskToken"] for call in claimed.sent("SendTaskFailure")] == ["newer-token"]


def test_it_is_counted_and_told_and_used_up(claimed: Stack, lines: Lines) -> None:
    post()
    assert [line["Disowned"] for line in lines() if "_aws" in line] == [[1.0]]
    detail = {"stack": "latchkey-test", "execution": EXECUTION, "user": ALICE}
    assert claimed.told() == [("Disowned", detail)]
    assert claimed.parameters() == {}
    assert post()["statusCode"] == 410


def test_a_reset_at_work_is_waited_for(claimed: Stack) -> None:
    ssm.take_lock(ALICE, "another", "reset")
    answered = post()
    assert (answered["statusCode"], answered["headers"]["Retry-After"]) == (503, "2")
    assert claimed.password_of() == PASSWORD
    ssm.release_lock(ALICE, "another")
    assert post()["statusCode"] == 200


@pytest.mark.parametrize(
    ("code", "status", "answer"),
    [
        ("EntityTemporarilyUnmodifiable", 409, 503),
        ("Throttling", 400, 503),
        ("ServiceFailure", 500, 503),
        ("AccessDenied", 403, 500),
    ],
)
def test_what_failed_can_be_tried_again(claimed: Stack, code: str, status: int, answer: int) -> None:
    claimed.refuse("UpdateLoginProfile", code, status)
    assert post()["statusCode"] == answer
    assert claimed.told() == []
    assert not ssm.holds_lock(ALICE, f"disown-{EXECUTION}")
    assert post()["statusCode"] == 200
    assert claimed.password_of() != PASSWORD


def test_a_user_who_is_gone_has_nothing_to_revoke(claimed: Stack) -> None:
    IAM.delete_login_profile(UserName=ALICE)
    assert post()["statusCode"] == 200
    assert [step for step, _ in claimed.told()] == ["Disowned"]


@pytest.mark.parametrize("secret", ["-", LINK_SECRET[:-1], LINK_SECRET + "A"])
def test_a_wrong_secret_revokes_nothing(claimed: Stack, secret: str) -> None:
    assert post(rs=secret)["statusCode"] == 410
    assert claimed.operations() == ["GetParameters"]
    assert claimed.password_of() == PASSWORD


def test_the_link_of_a_request_revokes_nothing(stack: Stack) -> None:
    stack.add_user()
    stack.store_ticket(TicketKind.REQUEST)
    assert post()["statusCode"] == 410


def test_the_secret_is_not_logged(claimed: Stack, lines: Lines) -> None:
    post()
    assert LINK_SECRET not in json.dumps(lines())
    assert claimed.sent("UpdateLoginProfile")
