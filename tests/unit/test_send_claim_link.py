"""SendClaimLink mails the one-time link: the only place where the link secret leaves the stack."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from latchkey.errors import LatchkeyError, MailRefusedError, SealBrokenError, ThrottledError
from reset.send_claim_link import handler
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, HANDLE, LINK_SECRET, PASSWORD, Stack

type Lines = Callable[[], list[dict[str, Any]]]

LINK = f"https://reset.example.com/extract#ph={HANDLE}&rs={LINK_SECRET}"


def send(stack: Stack, execution: str = EXECUTION, user: str = "alice") -> None:
    handler(
        {
            "execution": EXECUTION,
            "user": "alice",
            "name": "alice",
            "mail": "before@example.com",
            "language": "",
            "sealed": stack.seal(execution, user),
            "handle": str(HANDLE),
            "expires_at": "2026-03-01T10:00:00Z",
        },
        CONTEXT,
    )


@pytest.fixture(autouse=True)
def _user(stack: Stack) -> None:
    stack.add_user("alice", tags={"email": ALICE})


def test_the_mail_goes_to_the_users_address(sealing_stack: Stack) -> None:
    send(sealing_stack)
    assert [mail.to for mail in sealing_stack.mails()] == [ALICE]


def test_the_mail_holds_the_link(sealing_stack: Stack) -> None:
    send(sealing_stack)
    assert LINK in sealing_stack.mails()[0].text.splitlines()


def test_the_mail_holds_the_links_code(sealing_stack: Stack) -> None:
    send(sealing_stack)
    code = f"extract{HANDLE}{LINK_SECRET}".replace(".", "")
    assert code in sealing_stack.mails()[0].text.splitlines()
    assert code in sealing_stack.sent("SendEmail")[0]["Content"]["Simple"]["Body"]["Html"]["Data"]


def test_the_links_values_are_in_its_fragment_alone(sealing_stack: Stack) -> None:
    send(sealing_stack)
    (mail,) = sealing_stack.mails()
    assert mail.link() == ("/extract", HANDLE, LINK_SECRET)
    assert mail.text.count("://") == 1


def test_the_mail_says_who_asked_and_until_when(sealing_stack: Stack) -> None:
    send(sealing_stack)
    text = sealing_stack.mails()[0].text
    assert "for the account alice.\n" in text
    assert "Sunday, 1 March 2026, 10:00 UTC" in text


def test_the_password_is_not_in_the_mail(sealing_stack: Stack) -> None:
    send(sealing_stack)
    assert PASSWORD not in json.dumps(sealing_stack.sent("SendEmail"))


def test_nothing_that_changes_after_the_deployment_decides_where_the_link_leads(
    sealing_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE_URL", "https://keys.example.org/dev")
    send(sealing_stack)
    assert "\nhttps://keys.example.org/dev/extract#ph=" in sealing_stack.mails()[0].text
    looks = ["GetUser", "ListGroupsForUser", "GetLoginProfile"]
    assert sealing_stack.operations()[-6:] == ["Decrypt", *looks, "SendEmail", "PutEvents"]


def test_neither_secret_is_logged(sealing_stack: Stack, lines: Lines) -> None:
    send(sealing_stack)
    logged = json.dumps(lines())
    assert PASSWORD not in logged
    assert LINK_SECRET not in logged


def test_a_sent_link_is_counted_as_completed(sealing_stack: Stack, lines: Lines) -> None:
    send(sealing_stack)
    assert [line["Completed"] for line in lines() if "_aws" in line] == [[1.0]]


@pytest.mark.parametrize(
    ("code", "error"), [("MessageRejected", MailRefusedError), ("TooManyRequestsException", ThrottledError)]
)
def test_a_refused_mail_is_not_completed(
    sealing_stack: Stack, lines: Lines, code: str, error: type[LatchkeyError]
) -> None:
    sealing_stack.refuse("SendEmail", code)
    with pytest.raises(error):
        send(sealing_stack)
    logged = lines()
    assert not [line for line in logged if "_aws" in line]
    assert LINK_SECRET not in json.dumps(logged)


@pytest.mark.parametrize("sealed_for", [("another", "alice"), (EXECUTION, "bob")])
def test_a_seal_of_another_execution_or_user_is_not_mailed(
    sealing_stack: Stack, sealed_for: tuple[str, str]
) -> None:
    with pytest.raises(SealBrokenError):
        send(sealing_stack, *sealed_for)
    assert sealing_stack.mails() == []


def test_a_retry_mails_the_same_link(sealing_stack: Stack) -> None:
    send(sealing_stack)
    send(sealing_stack)
    first, second = sealing_stack.sent("SendEmail")
    assert first == second
