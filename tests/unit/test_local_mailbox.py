"""The local cloud's mailbox."""

from base64 import b64encode
from collections.abc import Mapping
from threading import Condition
from typing import Any

from local.emulator.mailbox import Mail, Mailbox, from_ses_record, page
from local.emulator.patches.mails import with_raw_addresses

NOON = 1_795_176_000.0
RECORD: Mapping[str, Any] = {
    "Source": "latchkey@example.com",
    "To": ["alice@example.com"],
    "CC": ["bob@example.com"],
    "Subject": "Hello",
    "BodyText": "Hello, Alice",
    "BodyHtml": None,
    "Timestamp": NOON,
}


def smtp_mail(sent_at: str, **changed: str) -> Mail:
    fields = {"sender": "a@example.com", "subject": "By SMTP", "text": "", "html": "", **changed}
    return Mail(via="smtp", to=("b@example.com",), sent_at=sent_at, **fields)


def test_a_ses_record_becomes_a_mail_with_all_its_recipients() -> None:
    assert from_ses_record(RECORD).as_json() == {
        "via": "ses",
        "from": "latchkey@example.com",
        "to": ["alice@example.com", "bob@example.com"],
        "subject": "Hello",
        "text": "Hello, Alice",
        "html": "",
        "sent_at": "2026-11-20T12:00:00.000000+00:00",
    }


def test_a_mail_from_a_template_is_read_as_it_was_rendered() -> None:
    mail = from_ses_record(
        {"Source": "a@example.com", "Timestamp": NOON, "RenderedSubject": "S", "RenderedBodyText": "T"}
    )
    assert (mail.subject, mail.text) == ("S", "T")


def test_mails_of_both_kinds_are_listed_in_the_order_they_were_sent() -> None:
    mailbox = Mailbox(Condition())
    mailbox.add(from_ses_record(RECORD))
    mailbox.add(smtp_mail("2026-11-20T12:00:01.000000+00:00"))
    mailbox.add(smtp_mail("2026-11-20T11:59:59.000000+00:00"))
    assert [mail.via for mail in mailbox.mails()] == ["smtp", "ses", "smtp"]


def test_mails_are_chosen_by_recipient_and_subject() -> None:
    mailbox = Mailbox(Condition())
    first, second = (smtp_mail(f"2026-11-20T12:00:0{number}.000000+00:00") for number in (1, 2))
    for mail in (from_ses_record(RECORD), first, second):
        mailbox.add(mail)
    assert len(mailbox.mails()) == 3
    assert mailbox.mails(to="b@example.com") == [first, second]
    assert mailbox.mails(to="other@example.com") == []
    assert [mail.via for mail in mailbox.mails(about="Hell")] == ["ses"]
    assert mailbox.mails(to="b@example.com", about="Hello") == []


def test_the_page_shows_the_newest_mail_first() -> None:
    first, second = smtp_mail("1", subject="First"), smtp_mail("2", subject="Second")
    shown = page([first, second])
    assert shown.index("Second") < shown.index("First")


def test_the_page_makes_links_of_urls_and_of_nothing_else() -> None:
    shown = page([smtp_mail("1", text="see http://127.0.0.1/extract#ph=1&rs=2 <script>alert(1)</script>")])
    assert '<a href="http://127.0.0.1/extract#ph=1&amp;rs=2"' in shown
    assert "<script>" not in shown


def test_the_page_keeps_a_mails_html_inside_its_sandbox() -> None:
    shown = page([smtp_mail("1", html='"><script>alert(1)</script>')])
    assert "&quot;&gt;&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "allow-scripts" not in shown


def test_a_raw_mails_addresses_come_from_its_header() -> None:
    raw = b64encode(b"From: a@example.com\r\nTo: b@example.com, C <c@example.com>\r\n\r\nx")
    filled = with_raw_addresses(b'{"Content": {"Raw": {"Data": "%s"}}}' % raw)
    assert b'"FromEmailAddress": "a@example.com"' in filled
    assert b'"ToAddresses": ["b@example.com", "c@example.com"]' in filled


def test_the_addresses_a_call_gives_win_over_the_header() -> None:
    request = b'{"FromEmailAddress": "x@example.com", "Destination": {"ToAddresses": ["y@example.com"]}, '
    filled = with_raw_addresses(
        request + b'"Content": {"Raw": {"Data": "RnJvbTogYUBleGFtcGxlLmNvbQ0KDQo="}}}'
    )
    assert b"x@example.com" in filled
    assert b"y@example.com" in filled
    assert b"a@example.com" not in filled


def test_other_requests_to_ses_pass_unchanged() -> None:
    for body in (b"", b"{}", b'{"Content": {"Simple": {}}}', b"[]"):
        assert with_raw_addresses(body) == body
