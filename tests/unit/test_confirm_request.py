"""ConfirmRequest asks the mailbox's owner; ExpireRequest deletes the unanswered question."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from latchkey.domain.action_links import LinkKind
from latchkey.domain.claims import proves
from latchkey.errors import LatchkeyError, MailRefusedError, ThrottledError
from reset import confirm_request, expire_request
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, EXPIRY, TASK_TOKEN, Stack

type Lines = Callable[[], list[dict[str, Any]]]

ENTERED_AT = (EXPIRY - timedelta(minutes=15)).isoformat()


def ask(task_token: str = TASK_TOKEN) -> None:
    confirm_request.handler(
        {
            "execution": EXECUTION,
            "user": "alice",
            "name": "alice",
            "mail": "before@example.com",
            "language": "",
            "unlock": False,
            "entered_at": ENTERED_AT,
            "task_token": task_token,
        },
        CONTEXT,
    )


@pytest.fixture(autouse=True)
def _user(stack: Stack) -> None:
    stack.add_user("alice", tags={"email": ALICE})
    stack.calls.clear()


def test_the_question_goes_to_the_users_address(stack: Stack) -> None:
    ask()
    (mail,) = stack.mails()
    assert (mail.to, mail.subject) == (ALICE, "Did you ask for a new password?")
    assert mail.text.count("://") == 1


def test_the_link_lives_a_quarter_of_an_hour(stack: Stack) -> None:
    ask()
    page, handle, _ = stack.mails()[-1].link()
    assert (page, handle.expires_at) == ("/confirm", EXPIRY)


def test_the_task_token_waits_with_the_hash_of_the_links_secret(stack: Stack) -> None:
    ask()
    (link,) = stack.links(LinkKind.QUESTION).values()
    assert (link.user, link.execution, link.task_token) == ("alice", EXECUTION, TASK_TOKEN)
    assert proves(stack.mails()[-1].link()[2], link.secret_sha256)


def test_nothing_of_the_account_is_touched(stack: Stack) -> None:
    ask()
    looks = ["GetUser", "ListGroupsForUser", "GetLoginProfile"]
    assert stack.operations() == [*looks, "PutItem", "SendEmail", "PutEvents"]


def test_neither_the_secret_nor_the_token_is_logged_or_told(stack: Stack, lines: Lines) -> None:
    ask()
    seen = json.dumps([*lines(), *stack.told()])
    assert stack.mails()[-1].link()[2] not in seen
    assert TASK_TOKEN not in seen
    assert stack.told() == [("Asked", {"stack": "latchkey-test", "execution": EXECUTION, "user": "alice"})]


def test_after_a_second_try_the_second_link_alone_works(stack: Stack) -> None:
    ask("dead-token")
    first = stack.mails()[-1].link()[2]
    ask()
    (link,) = stack.links(LinkKind.QUESTION).values()
    assert link.task_token == TASK_TOKEN
    assert not proves(first, link.secret_sha256)


@pytest.mark.parametrize(
    ("code", "error"), [("MessageRejected", MailRefusedError), ("TooManyRequestsException", ThrottledError)]
)
def test_a_question_that_was_not_mailed_is_not_told(
    stack: Stack, code: str, error: type[LatchkeyError]
) -> None:
    stack.refuse("SendEmail", code)
    with pytest.raises(error):
        ask()
    assert stack.told() == []


def test_an_unanswered_question_is_deleted(stack: Stack) -> None:
    ask()
    stack.calls.clear()
    expire_request.handler({"execution": EXECUTION, "user": "alice", "entered_at": ENTERED_AT}, CONTEXT)
    assert stack.operations() == ["DeleteItem", "PutEvents"]
    assert stack.links(LinkKind.QUESTION) == {}
    assert [step for step, _ in stack.told()] == ["Unconfirmed"]
