"""Tickets: what a mailed link has to prove before its button does something."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs

import pytest

from latchkey import ssm, tickets
from latchkey.claims import Handle, Ticket, TicketKind
from latchkey.errors import AccessDeniedError, ClaimGoneError
from tests.unit.stack import ALICE, EXECUTION, EXPIRY, HANDLE, LINK_SECRET, NOW, TASK_TOKEN, Stack

EACH_KIND = pytest.mark.parametrize("kind", TicketKind)


def issue(kind: TicketKind, handle: Handle = HANDLE) -> str:
    fragment = tickets.issue(kind, handle, user=ALICE, execution=EXECUTION, task_token=TASK_TOKEN)
    (secret,) = parse_qs(fragment, strict_parsing=True)["rs"]
    return secret


@EACH_KIND
def test_the_link_presents_the_ticket_it_was_issued_with(stack: Stack, kind: TicketKind) -> None:
    secret = issue(kind)
    handle, ticket = tickets.present(kind, str(HANDLE), secret, NOW)
    assert handle == HANDLE
    assert (ticket.user, ticket.execution, ticket.task_token) == (ALICE, EXECUTION, TASK_TOKEN)
    assert len(stack.tickets(kind)) == 1, "presenting uses nothing up"


@EACH_KIND
def test_neither_the_secret_nor_anything_that_opens_is_stored(stack: Stack, kind: TicketKind) -> None:
    secret = issue(kind)
    assert secret not in json.dumps(stack.sent("PutParameter"))


def test_each_link_has_a_secret_of_its_own(stack: Stack) -> None:
    assert issue(TicketKind.NOTICE) != issue(TicketKind.NOTICE)
    assert len(stack.tickets(TicketKind.NOTICE)) == 1


@EACH_KIND
@pytest.mark.parametrize("late", [timedelta(), timedelta(seconds=1), timedelta(days=1)])
def test_a_ticket_past_its_time_is_gone(stack: Stack, kind: TicketKind, late: timedelta) -> None:
    stack.store_ticket(kind)
    with pytest.raises(ClaimGoneError):
        tickets.present(kind, str(HANDLE), LINK_SECRET, EXPIRY + late)


@pytest.mark.parametrize("secret", ["", "-", LINK_SECRET[:-1], LINK_SECRET + "A", LINK_SECRET.swapcase()])
def test_another_secret_opens_nothing(stack: Stack, secret: str) -> None:
    stack.store_ticket(TicketKind.REQUEST)
    with pytest.raises(ClaimGoneError):
        tickets.present(TicketKind.REQUEST, str(HANDLE), secret, NOW)


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("handle", ["", "nonsense", "../../base-url", str(HANDLE)])
def test_a_handle_without_a_ticket_opens_nothing(handle: str) -> None:
    with pytest.raises(ClaimGoneError):
        tickets.present(TicketKind.REQUEST, handle, LINK_SECRET, NOW)


def test_a_ticket_of_one_kind_is_none_of_the_other(stack: Stack) -> None:
    stack.store_ticket(TicketKind.REQUEST)
    with pytest.raises(ClaimGoneError):
        tickets.present(TicketKind.NOTICE, str(HANDLE), LINK_SECRET, NOW)


def test_a_moved_expiry_leads_to_no_ticket(stack: Stack) -> None:
    stack.store_ticket(TicketKind.REQUEST)
    later = replace(HANDLE, expires_at=EXPIRY + timedelta(days=1))
    with pytest.raises(ClaimGoneError):
        tickets.present(TicketKind.REQUEST, str(later), LINK_SECRET, NOW)


@EACH_KIND
def test_a_ticket_is_deleted_once(stack: Stack, kind: TicketKind) -> None:
    stack.store_ticket(kind)
    assert ssm.delete_ticket(kind, HANDLE)
    assert not ssm.delete_ticket(kind, HANDLE)
    assert ssm.read_ticket(kind, HANDLE) is None


def test_a_denied_ticket_says_what_failed(stack: Stack) -> None:
    stack.refuse("PutParameter", "AccessDeniedException")
    with pytest.raises(AccessDeniedError, match="Could not store the ticket"):
        stack.store_ticket(TicketKind.NOTICE)


def test_no_repr_shows_a_hash_or_a_token() -> None:
    ticket = Ticket(user=ALICE, execution=EXECUTION, secret_sha256="a-hash", task_token=TASK_TOKEN)
    assert "a-hash" not in repr(ticket)
    assert TASK_TOKEN not in repr(ticket)


def test_the_time_of_a_handle_is_that_of_its_ticket() -> None:
    assert Handle.of(ALICE, EXECUTION, datetime.fromisoformat("2100-01-01T00:00:00.123Z")) == HANDLE
