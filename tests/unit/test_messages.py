"""What SMTP carries: headers that no text can break out of."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.emails import Mail
from latchkey.emails.messages import Envelope, compose
from latchkey.errors import RecipientRefusedError

MAIL = Mail("Your password expires", "Zoë, 郑\n", "<p>Zoë, 郑</p>\n")
HEADERS = {
    "To",
    "From",
    "Reply-To",
    "Subject",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
}


def composed(name: str = "Alice", to: str = "alice@example.com") -> EmailMessage:
    envelope = Envelope("latchkey@example.com", "ops@example.com", to, name, "0123abc")
    return message_from_bytes(compose(MAIL, envelope), policy=SMTP)


def test_headers_say_who_writes_and_ask_for_no_automatic_reply() -> None:
    message = composed()
    assert message["From"] == "latchkey@example.com"
    assert message["Reply-To"] == "ops@example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == "<0123abc@example.com>"
    assert message["To"] == "Alice <alice@example.com>"


def test_the_same_reminder_has_the_same_message_id() -> None:
    assert composed("A")["Message-ID"] == composed("B")["Message-ID"]


def test_text_and_html_come_through() -> None:
    message = composed()
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == "Zoë, 郑"
    assert html.get_content().strip() == "<p>Zoë, 郑</p>"


@given(st.text(max_size=200))
def test_no_display_name_adds_a_header_or_a_recipient(name: str) -> None:
    message = composed(name)
    assert set(message.keys()) == HEADERS
    assert [address.addr_spec for address in message["To"].addresses] == ["alice@example.com"]


@pytest.mark.parametrize("name", ["Evil\r\nBcc: all@example.com", "Evil\nBcc: all@example.com", "a\0b"])
def test_line_breaks_in_names_become_blanks(name: str) -> None:
    message = composed(name)
    assert "Bcc" not in message
    assert message["To"].addresses[0].display_name == " ".join(name.replace("\0", " ").split())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Zoë Ünïcode 郑", "Zoë Ünïcode 郑"),
        ("N" * 64, "N" * 64),
        ("Zoë 郑 " * 20, ""),
        ("郑" * 15, "郑" * 15),
    ],
)
def test_a_name_is_whole_or_left_out(name: str, shown: str) -> None:
    assert composed(name)["To"].addresses[0].display_name == shown


@given(st.text(max_size=20))
def test_bytes_are_ascii(name: str) -> None:
    compose(MAIL, Envelope("a@example.com", "a@example.com", "b@example.com", name, "1")).decode("ascii")


@pytest.mark.parametrize(
    "to", ["", "alice", "a@b@example.com", "a@example.com\r\nBcc: b@example.com", "a b@c"]
)
def test_what_is_no_address_is_refused(to: str) -> None:
    with pytest.raises(RecipientRefusedError):
        composed(to=to)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_no_body_ends_early_or_loses_a_word(text: str, html: str) -> None:
    envelope = Envelope("a@example.com", "a@example.com", "b@example.com", "", "1")
    message = message_from_bytes(compose(Mail("s", text, html), envelope), policy=SMTP)
    read = [part.get_content().splitlines() or [""] for part in message.iter_parts()]
    assert read == [text.splitlines() or [""], html.splitlines() or [""]]
    assert not message.defects


@pytest.mark.parametrize("subject", ["Ihr Kennwort läuft in 7 Tagen ab " * 4, "plain " * 30, "a\r\nBcc: b@c"])
def test_a_subject_of_any_length_stays_one_header(subject: str) -> None:
    envelope = Envelope("a@example.com", "a@example.com", "b@example.com", "", "1")
    message = message_from_bytes(compose(Mail(subject, "", ""), envelope), policy=SMTP)
    assert message["Subject"] == " ".join(subject.split())
    assert set(message.keys()) == HEADERS
