"""Action links: what a mailed link has to prove before its button does something."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from latchkey.adapters import action_links
from latchkey.domain.action_links import ActionLink, LinkKind
from latchkey.domain.claims import Handle
from latchkey.errors import AccessDeniedError, ClaimGoneError
from tests.unit.stack import ALICE, EXECUTION, EXPIRY, HANDLE, LINK_SECRET, TASK_TOKEN, Stack

EACH_KIND = pytest.mark.parametrize("kind", LinkKind)


def issue(kind: LinkKind, handle: Handle = HANDLE) -> str:
    return action_links.issue(kind, handle, user=ALICE, execution=EXECUTION, task_token=TASK_TOKEN)


@EACH_KIND
def test_a_link_proves_what_it_was_issued_for(stack: Stack, kind: LinkKind) -> None:
    link = action_links.verify(kind, HANDLE, issue(kind))
    assert (link.user, link.execution, link.task_token) == (ALICE, EXECUTION, TASK_TOKEN)
    assert len(stack.links(kind)) == 1, "verifying uses nothing up"
    assert stack.sent("GetItem")[0]["ConsistentRead"] is True


@EACH_KIND
def test_neither_the_secret_nor_anything_that_opens_is_stored(stack: Stack, kind: LinkKind) -> None:
    secret = issue(kind)
    assert secret not in json.dumps(stack.sent("PutItem"))


def test_each_link_has_a_secret_of_its_own(stack: Stack) -> None:
    assert issue(LinkKind.NOTICE) != issue(LinkKind.NOTICE)
    assert len(stack.links(LinkKind.NOTICE)) == 1


@EACH_KIND
def test_dynamodb_forgets_a_link_once_its_time_is_over(stack: Stack, kind: LinkKind) -> None:
    issue(kind)
    assert stack.sent("PutItem")[0]["Item"]["kept_until"] == {"N": str(int(EXPIRY.timestamp()))}


@pytest.mark.parametrize("secret", ["", "-", LINK_SECRET[:-1], LINK_SECRET + "A", LINK_SECRET.swapcase()])
def test_another_secret_opens_nothing(stack: Stack, secret: str) -> None:
    stack.keep_link(LinkKind.QUESTION)
    with pytest.raises(ClaimGoneError):
        action_links.verify(LinkKind.QUESTION, HANDLE, secret)


@pytest.mark.usefixtures("stack")
def test_a_handle_nothing_waits_under_opens_nothing() -> None:
    with pytest.raises(ClaimGoneError):
        action_links.verify(LinkKind.QUESTION, HANDLE, LINK_SECRET)


def test_a_link_of_one_kind_is_none_of_the_other(stack: Stack) -> None:
    stack.keep_link(LinkKind.QUESTION)
    with pytest.raises(ClaimGoneError):
        action_links.verify(LinkKind.NOTICE, HANDLE, LINK_SECRET)


def test_a_moved_expiry_leads_to_no_link(stack: Stack) -> None:
    stack.keep_link(LinkKind.QUESTION)
    with pytest.raises(ClaimGoneError):
        action_links.verify(
            LinkKind.QUESTION, replace(HANDLE, expires_at=EXPIRY + timedelta(minutes=1)), LINK_SECRET
        )


@EACH_KIND
def test_a_link_is_deleted_and_may_be_gone_already(stack: Stack, kind: LinkKind) -> None:
    stack.keep_link(kind)
    action_links.delete(kind, HANDLE)
    action_links.delete(kind, HANDLE)
    assert stack.links(kind) == {}


def test_a_denied_link_says_what_failed(stack: Stack) -> None:
    stack.refuse("PutItem", "AccessDeniedException")
    with pytest.raises(AccessDeniedError, match="Could not write to the registry"):
        issue(LinkKind.NOTICE)


def test_no_repr_shows_a_hash_or_a_token() -> None:
    link = ActionLink(user=ALICE, execution=EXECUTION, secret_sha256="a-hash", task_token=TASK_TOKEN)
    assert "a-hash" not in repr(link)
    assert TASK_TOKEN not in repr(link)
