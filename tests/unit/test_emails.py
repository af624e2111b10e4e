"""The mails people get: both bodies of each, with every value where it belongs."""

import re
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import override

import pytest

from latchkey import emails, languages
from latchkey.emails import Mail, in_words
from local.emulator.patches import tracking

LANGUAGES = Path(languages.__file__).parent
REPORT = "reminders_report"

LINK = "https://reset.example.com/extract#ph=0123.4102444800.4567&rs=secret-_"
VALUES = {
    "claim_link": {
        "user": "alice@example.com",
        "link": LINK,
        "code": "extract012341024448004567secret-_",
        "expires_at": "Friday, 1 January 2100, 00:00 UTC",
    },
    "claimed": {
        "user": "alice@example.com",
        "claimed_at": "Monday",
        "hours": "24",
        "claimed_from": "192.0.2.10",
        "link": "https://reset.example.com/revoke#ph=0123.4102444800.4567&rs=secret-_",
        "code": "revoke012341024448004567secret-_",
        "expires_at": "Saturday, 2 January 2100, 00:00 UTC",
    },
    "confirm_request": {
        "user": "alice@example.com",
        "link": "https://reset.example.com/confirm#ph=0123.4102444800.4567&rs=secret-_",
        "code": "confirm012341024448004567secret-_",
        "expires_at": "Friday, 1 January 2100, 00:15 UTC",
    },
    "expired": {"user": "alice@example.com", "link": "https://reset.example.com/generate"},
    "change_denied": {"user": "alice@example.com"},
    "failed": {"user": "alice@example.com", "link": "https://reset.example.com/generate"},
    "reminder": {
        "user": "alice@example.com",
        "in_days": "7 days",
        "expires_at": "Friday, 1 January 2100, 00:00 UTC",
        "link": "https://reset.example.com/generate?user=alice@example.com",
    },
    "reminders_report": {
        "day": "2026-11-21",
        "mode": "real",
        "headline": "5 mailed",
        "counts": "5  mailed",
        "problems": "Nothing went wrong.",
        "report": "s3://lists/runs/2026-11-21/report.csv",
    },
}
WITH_LINK = [name for name in VALUES if "link" in VALUES[name]]
EACH_MAIL = pytest.mark.parametrize("name", VALUES)
EACH_VALUE = pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in VALUES for value in VALUES[name]]
)


class Reader(HTMLParser):
    """What a person reads of a mail in HTML, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str | None] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


def render(name: str, values: dict[str, str]) -> Mail:
    return emails.render_report(values) if name == REPORT else emails.render(name, values)


def test_every_mail_is_tested_here() -> None:
    assert {path.stem for path in (LANGUAGES / "en").glob("*.txt")} | {REPORT} == VALUES.keys()


@EACH_MAIL
def test_nothing_is_left_to_fill_in(name: str) -> None:
    mail = render(name, VALUES[name])
    assert not re.search(r"\{\{|\}\}|\*\*", mail.subject + mail.text + mail.html)


@EACH_VALUE
def test_every_value_stands_in_text_and_html(name: str, value: str) -> None:
    mail = render(name, VALUES[name])
    read = Reader(mail.html)
    assert VALUES[name][value] in mail.text
    assert VALUES[name][value] in read.text or VALUES[name][value] in read.links


@EACH_MAIL
def test_no_link_leads_by_way_of_ses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account may have SES rewrite the links of every mail; this keeps it from ours, by SMTP too."""
    monkeypatch.setattr(tracking, "_account", {"DashboardAttributes": {"EngagementMetrics": "ENABLED"}})
    html = render(name, VALUES[name]).html
    assert Reader(tracking.as_delivered(html)).links == Reader(html).links


@EACH_MAIL
def test_the_subject_is_one_line_and_the_title(name: str) -> None:
    mail = render(name, VALUES[name])
    assert mail.subject.isprintable()
    assert f"<title>{mail.subject}</title>" in mail.html


@EACH_MAIL
def test_the_text_begins_with_the_greeting_not_the_subject(name: str) -> None:
    assert render(name, VALUES[name]).text.startswith("Hello,\n")


@EACH_VALUE
def test_a_value_that_is_markup_is_shown_as_text(name: str, value: str) -> None:
    markup = "\"'><script>alert(1)</script>&amp;"
    mail = render(name, VALUES[name] | {value: markup})
    assert "script" not in Reader(mail.html).tags
    assert markup not in mail.html
    assert markup in mail.text


@EACH_VALUE
def test_a_missing_value_is_an_error(name: str, value: str) -> None:
    values = {key: text for key, text in VALUES[name].items() if key != value}
    with pytest.raises(KeyError, match=value):
        render(name, values)


@EACH_VALUE
def test_a_value_is_not_filled_in_again(name: str, value: str) -> None:
    mail = render(name, VALUES[name] | {value: f"{{{{{value}}}}} **{{{{user}}}}**"})
    assert f"{{{{{value}}}}} **{{{{user}}}}**" in mail.text
    assert f"{{{{{value}}}}} **{{{{user}}}}**" in mail.html


def test_a_link_alone_is_a_button_in_html_and_an_address_in_text() -> None:
    mail = render("expired", VALUES["expired"])
    assert "Ask for a new password</a>" in mail.html
    assert "Ask for a new password" not in mail.text


def test_only_a_button_that_revokes_warns() -> None:
    assert [name for name in VALUES if "#a3271d" in render(name, VALUES[name]).html] == ["claimed"]


def test_lines_of_a_value_stay_lines() -> None:
    mail = render(REPORT, VALUES[REPORT] | {"counts": "5  mailed\n2  due"})
    assert "5  mailed\n2  due" in mail.text
    assert "5  mailed<br>2  due" in mail.html


@EACH_MAIL
def test_no_mail_loads_anything_from_anywhere(name: str) -> None:
    html = render(name, VALUES[name]).html
    assert not re.search(r"<(img|script|link|iframe|object)\b|url\(|\bsrc=", html)


def test_the_claim_links_subject_is_the_documented_one() -> None:
    assert render("claim_link", VALUES["claim_link"]).subject == "CONFIDENTIAL: Account information"


def test_the_claim_links_last_line_is_the_documented_one() -> None:
    last = render("claim_link", VALUES["claim_link"]).text.rstrip("\n").splitlines()[-1]
    assert last == "NOTE: This link is valid for a single use only."


@pytest.mark.parametrize("name", WITH_LINK)
def test_the_link_stands_on_a_line_of_its_own(name: str) -> None:
    assert VALUES[name]["link"] in render(name, VALUES[name]).text.splitlines()


@pytest.mark.parametrize("name", WITH_LINK)
def test_the_links_of_a_mail_with_one_lead_there_alone(name: str) -> None:
    assert set(Reader(render(name, VALUES[name]).html).links) == {VALUES[name]["link"]}


@pytest.mark.parametrize("name", ["claim_link", "claimed", "confirm_request"])
def test_the_code_stands_on_a_line_of_its_own_and_is_no_link(name: str) -> None:
    mail, code = render(name, VALUES[name]), VALUES[name]["code"]
    assert code in mail.text.splitlines()
    assert f">{code}</p>" in mail.html


@pytest.mark.parametrize("name", ["change_denied", "claimed", "confirm_request", "expired", "failed"])
def test_a_notice_is_not_confidential(name: str) -> None:
    assert "CONFIDENTIAL" not in render(name, VALUES[name]).subject


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 7, 10, 5, tzinfo=UTC),
        datetime(2026, 11, 7, 12, 5, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 11, 7, 10, 5, 59, 999, tzinfo=UTC),
    ],
)
def test_a_moment_is_said_in_words_and_in_utc(moment: datetime) -> None:
    assert in_words(moment) == "Saturday, 7 November 2026, 10:05 UTC"
