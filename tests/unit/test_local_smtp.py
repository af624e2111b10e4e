"""Whom the local SMTP endpoint lets in, and which mails it takes."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from threading import Condition
from types import SimpleNamespace
from typing import cast

import pytest
from aiosmtpd.smtp import Envelope, Session

from local.emulator.faults import Faults
from local.emulator.mailbox import Mailbox
from local.emulator.smtp import AccessKey, Conversation, SmtpEndpoint, Steps, password_of, read_mail
from tests.unit.coroutines import result_of

REGION = "eu-central-1"
SENDER = "latchkey@example.com"
MADE = 1_795_176_000.0
KEY = AccessKey("the+secret", active=True, created=MADE)
PASSWORD = password_of("the+secret", REGION)
BOUNCED = "bounced@example.com"


@dataclass
class Accounts:
    """One key, of a user who may send from some addresses."""

    owned: AccessKey = KEY
    allowed: set[str] = field(default_factory=lambda: {SENDER})

    def key(self, key_id: str) -> AccessKey | None:
        return self.owned if key_id == "AKIA" else None

    def senders(self) -> Iterable[str]:
        return [SENDER, "example.org"]

    def may_send(self, _key_id: str, sender: str) -> bool:
        return sender in self.allowed

    def deliverable(self, recipients: Iterable[str]) -> list[str]:
        return [recipient for recipient in recipients if recipient != BOUNCED]


def endpoint(accounts: Accounts | None = None) -> SmtpEndpoint:
    return SmtpEndpoint(Mailbox(Condition()), Faults(), accounts or Accounts(), REGION, key_delay_seconds=8)


def test_a_key_logs_in_with_the_password_derived_from_its_secret() -> None:
    assert endpoint().accepts("AKIA", PASSWORD, MADE + 8)


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("AKIB", PASSWORD),
        ("AKIA", "the+secret"),
        ("AKIA", password_of("the+secret", "us-east-1")),
        ("AKIA", ""),
        ("AKIA", "é"),
    ],
)
def test_other_credentials_do_not_log_in(login: str, password: str) -> None:
    assert not endpoint().accepts(login, password, MADE + 8)


def test_a_new_key_does_not_work_at_once() -> None:
    assert not endpoint().accepts("AKIA", PASSWORD, MADE + 7.9)


def test_an_inactive_key_does_not_log_in() -> None:
    inactive = replace(KEY, active=False)
    assert not endpoint(Accounts(inactive)).accepts("AKIA", PASSWORD, MADE + 8)


def test_a_user_who_may_send_from_nowhere_does_not_log_in() -> None:
    assert not endpoint(Accounts(allowed=set())).accepts("AKIA", PASSWORD, MADE + 8)


@pytest.mark.parametrize(
    ("sender", "allowed", "answer"),
    [
        (SENDER, {SENDER}, None),
        ("ceo@example.org", {"ceo@example.org"}, None),
        ("ceo@example.org", {SENDER}, "554 Access denied"),
        ("ceo@example.com", {"ceo@example.com"}, "554 Message rejected: Email address is not verified"),
    ],
)
def test_a_sender_is_verified_and_the_users_own(sender: str, allowed: set[str], answer: str | None) -> None:
    refusal = endpoint(Accounts(allowed=allowed)).refusal("AKIA", sender)
    assert (refusal is None) if answer is None else (refusal or "").startswith(answer)


@pytest.mark.parametrize(
    ("recipients", "delivered"),
    [([BOUNCED], []), ([BOUNCED, "alice@example.com"], [("alice@example.com",)])],
)
def test_a_mail_to_a_suppressed_address_is_taken_and_not_delivered(
    recipients: list[str], delivered: list[tuple[str, ...]]
) -> None:
    taking = endpoint()
    envelope = Envelope()
    envelope.content, envelope.rcpt_tos = f"From: {SENDER}\r\n\r\nHello\r\n".encode(), recipients
    conversation = cast("Conversation", SimpleNamespace(login="AKIA"))
    answer = result_of(Steps(taking).handle_DATA(conversation, cast("Session", None), envelope))
    assert answer == "250 Ok"
    assert [mail.to for mail in taking.mailbox.mails()] == delivered


def test_a_mail_in_two_forms_is_read_as_both() -> None:
    content = (
        b"From: Latchkey <latchkey@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nOne\r\nTwo\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>One</p>\r\n--b--\r\n"
    )
    mail = read_mail(content, ["alice@example.com"], MADE)
    assert (mail.via, mail.sender, mail.to) == (
        "smtp",
        "Latchkey <latchkey@example.com>",
        ("alice@example.com",),
    )
    assert (mail.subject, mail.text.strip(), mail.html.strip()) == ("Grüße", "One\nTwo", "<p>One</p>")
