"""POST /revoke: a password that someone else saw no longer works."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cleanup.remove_orphans import remove_all
from latchkey.adapters import iam, registry
from latchkey.domain.action_links import LinkKind
from latchkey.domain.claims import user_key
from latchkey.domain.resets import Attempt, Item, Phase, revocation_of
from latchkey.errors import ClaimGoneError, ServiceUnavailableError
from latchkey.web.http import Response
from reset.revoke_claim import REVOKED, handler
from tests.unit.stack import (
    ALICE,
    CONTEXT,
    EXECUTION,
    HANDLE,
    IAM,
    LINK_SECRET,
    PASSWORD,
    Stack,
    load_event,
)

type Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def claimed(stack: Stack) -> Stack:
    """Return a stack in which the user's password was shown, and the notice mailed."""
    stack.add_user(password=PASSWORD, must_change=True)
    stack.keep_reset(Phase.CLAIMED, password="", claimed_by="the claim")
    stack.keep_link(LinkKind.NOTICE)
    stack.calls.clear()
    return stack


def post(request: str = "press", **fields: object) -> Response:
    body = {"ph": str(HANDLE), "rs": LINK_SECRET} | fields
    event = load_event("revoke_claim_valid") | {"body": json.dumps(body)}
    event["requestContext"]["extendedRequestId"] = request
    return handler(event, CONTEXT)


def test_the_password_that_was_shown_is_replaced(claimed: Stack) -> None:
    answered = post()
    assert (answered["statusCode"], json.loads(answered["body"])) == (200, {"message": REVOKED})
    assert claimed.password_of() != PASSWORD
    assert iam.login_profile(ALICE).must_change


def test_a_password_the_thief_chose_is_replaced_too(claimed: Stack) -> None:
    claimed.choose_password(ALICE, "The-Thief-5-Password")
    assert post()["statusCode"] == 200
    assert claimed.password_of() != "The-Thief-5-Password"


def test_links_that_wait_for_the_user_end(claimed: Stack) -> None:
    claimed.keep_reset(execution="newer", token="newer-token")
    ended(claimed)
    post()
    assert claimed.passwords() == {}
    assert claimed.phase() == Phase.OVER
    assert [call["taskToken"] for call in claimed.sent("SendTaskFailure")] == ["newer-token"]


def test_it_is_counted_and_told_and_used_up(claimed: Stack, lines: Lines) -> None:
    post()
    assert [line["ClaimRevoked"] for line in lines() if "_aws" in line] == [[1.0]]
    detail = {"stack": "latchkey-test", "execution": EXECUTION, "user": ALICE}
    assert claimed.told() == [("ClaimRevoked", detail)]
    assert claimed.links(LinkKind.NOTICE) == {}
    assert post()["statusCode"] == 410


@pytest.mark.parametrize("phase", [Phase.RESETTING, Phase.REVOKING])
def test_a_reset_that_is_changing_the_account_is_waited_for(claimed: Stack, phase: Phase) -> None:
    claimed.keep_reset(phase, "another", password="")
    ended(claimed)
    answered = post()
    assert (answered["statusCode"], answered["headers"]["Retry-After"]) == (503, "2")
    assert claimed.password_of() == PASSWORD
    claimed.keep_reset(Phase.OVER, "another", password="")
    assert post()["statusCode"] == 200


def test_two_presses_at_once_are_one_after_the_other(claimed: Stack) -> None:
    first = claimed.keep_reset(Phase.REVOKING, revocation_of(EXECUTION), password="", undone_by="first press")
    ended(claimed)
    assert first.revokes_claim == EXECUTION
    assert post("second press")["statusCode"] == 503
    assert claimed.password_of() == PASSWORD


def test_a_press_that_failed_gives_up_no_account_that_another_took_since(claimed: Stack) -> None:
    taken = int(datetime.now(UTC).timestamp()) + 60
    key, revocation = user_key(ALICE), revocation_of(EXECUTION)

    def take(*_: object) -> None:
        registry.revoke(key, Attempt(execution=revocation, actor="cleanup", now=taken + 600))
        raise ServiceUnavailableError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(iam, "set_password", take)
        assert post("slow press")["statusCode"] == 504
    current = registry.read(key).current
    assert current
    assert current.undone_by == "cleanup"
    ended(claimed)
    assert post("next press")["statusCode"] == 503


def test_what_a_crashed_press_left_half_done_the_next_one_finishes_once_its_time_is_over(
    claimed: Stack,
) -> None:
    half_done = claimed.keep_reset(
        Phase.REVOKING, revocation_of(EXECUTION), password="", undone_by="first press"
    )
    claimed.keep(Item(current=half_done, due_at=1))
    ended(claimed)
    assert post("second press")["statusCode"] == 200
    assert claimed.password_of() != PASSWORD
    assert claimed.phase() == Phase.OVER


def test_a_cleanup_leaves_a_revocation_that_is_under_way_alone(claimed: Stack) -> None:
    claimed.keep_reset(Phase.REVOKING, revocation_of(EXECUTION), password="", undone_by="a press")
    ended(claimed)
    assert remove_all([user_key(ALICE)], "cleanup", datetime.now(UTC)) == 0
    assert claimed.password_of() == PASSWORD
    assert claimed.phase() == Phase.REVOKING


def test_a_cleanup_finishes_a_revocation_that_is_not_retried(claimed: Stack) -> None:
    claimed.refuse("UpdateLoginProfile", "ServiceFailure", 500)
    post()
    claimed.choose_password(ALICE, "The-Thief-5-Password")
    ended(claimed)
    assert remove_all([user_key(ALICE)], "cleanup", datetime.now(UTC)) == 1
    assert claimed.password_of() != "The-Thief-5-Password"
    assert claimed.phase() == Phase.OVER


@pytest.mark.parametrize("phase", [Phase.REVOKING, Phase.CLAIMED])
@pytest.mark.parametrize(
    "output", [{}, {"user": ALICE}, {"user": "bob@example.com", "claimed_at": "today"}], ids=str
)
def test_a_revocation_that_the_registry_alone_tells_of_changes_no_password(
    claimed: Stack, output: dict[str, str], phase: Phase
) -> None:
    # As the right to write users' items could have it, for a user whom only a group protects.
    claimed.choose_password(ALICE, "Own-Password-1")
    forged = claimed.keep_reset(phase, revocation_of("another"), undone_by="a press")
    claimed.keep(Item(current=forged, due_at=1))
    if output:
        ended(claimed, **output)
    with pytest.raises(ClaimGoneError):
        remove_all([user_key(ALICE)], "cleanup", datetime.now(UTC))
    assert (claimed.password_of(), claimed.phase()) == ("Own-Password-1", phase)
    assert [step for step, _ in claimed.told()] == ["Orphaned"], "an alarm rings"


@pytest.mark.parametrize(
    ("code", "status", "answer"),
    [
        ("EntityTemporarilyUnmodifiable", 409, 504),
        ("Throttling", 400, 504),
        ("ServiceFailure", 500, 504),
        ("AccessDenied", 403, 500),
    ],
)
def test_a_revocation_that_failed_can_be_tried_again(
    claimed: Stack, code: str, status: int, answer: int
) -> None:
    claimed.refuse("UpdateLoginProfile", code, status)
    assert post("first press")["statusCode"] == answer
    assert claimed.told() == []
    ended(claimed)
    assert post("second press")["statusCode"] == 200, "at once: a thief is in"
    assert claimed.password_of() != PASSWORD
    assert claimed.phase() == Phase.OVER


def test_a_user_who_is_gone_has_nothing_to_revoke(claimed: Stack) -> None:
    IAM.delete_login_profile(UserName=ALICE)
    assert post()["statusCode"] == 200
    assert [step for step, _ in claimed.told()] == ["ClaimRevoked"]


@pytest.mark.parametrize("secret", ["-", LINK_SECRET[:-1], LINK_SECRET + "A"])
def test_a_wrong_secret_revokes_nothing(claimed: Stack, secret: str) -> None:
    assert post(rs=secret)["statusCode"] == 410
    assert claimed.operations() == ["GetItem"]
    assert claimed.password_of() == PASSWORD


def ended(stack: Stack, status: str = "SUCCEEDED", **output: str) -> None:
    """Let the execution have ended so: by default as one does whose password was shown to Alice."""
    shown = output or {"user": ALICE, "claimed_at": "2026-03-01T09:30:00+00:00"}
    stack.answer("DescribeExecution", {"status": status, "output": json.dumps(shown)})


def test_a_claim_that_a_newer_reset_replaced_can_still_be_revoked(claimed: Stack) -> None:
    claimed.keep_reset(Phase.CLAIMED, "newer", password="", claimed_by="another")
    ended(claimed)
    assert post()["statusCode"] == 200
    assert claimed.password_of() != PASSWORD


@pytest.mark.parametrize("phase", [Phase.REVOKING, Phase.OVER])
def test_a_claim_that_was_undone_since_can_still_be_revoked(claimed: Stack, phase: Phase) -> None:
    # Its password went unused for ClaimedTtlHours, or the thief asked for another.
    claimed.keep_reset(phase, password="", claimed_by="the claim")
    assert post()["statusCode"] == (200 if phase is Phase.OVER else 503)


FORGED = {
    "a link that waits": (Phase.WAITING, EXECUTION, {}),
    "a link that expired": (Phase.OVER, EXECUTION, {}),
    "no execution": (Phase.CLAIMED, "another", {}),
    "an execution that expired": (Phase.CLAIMED, "another", {"user": ALICE}),
    "another's claim": (Phase.CLAIMED, "another", {"user": "bob@example.com", "claimed_at": "today"}),
}


@pytest.mark.parametrize(("phase", "execution", "output"), FORGED.values(), ids=FORGED)
def test_a_forged_notice_revokes_nothing(
    claimed: Stack, phase: Phase, execution: str, output: dict[str, str]
) -> None:
    more = {"claimed_by": "another"} if execution == "another" else {}
    claimed.keep_reset(phase, execution, password="", **more)
    if output:
        ended(claimed, **output)
    assert post()["statusCode"] == 410
    assert (claimed.password_of(), claimed.phase()) == (PASSWORD, phase)
    assert claimed.told() == []


def test_the_link_of_a_request_revokes_nothing(stack: Stack) -> None:
    stack.add_user()
    stack.keep_link(LinkKind.QUESTION)
    assert post()["statusCode"] == 410


def test_the_secret_is_not_logged(claimed: Stack, lines: Lines) -> None:
    post()
    assert LINK_SECRET not in json.dumps(lines())
    assert claimed.sent("UpdateLoginProfile")
