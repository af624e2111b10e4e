"""The mails people get: both bodies of each, in each language, with every value where it belongs."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import override
from zoneinfo import ZoneInfo

import pytest

from latchkey import emails, languages
from latchkey.domain import colors
from latchkey.domain.style import Style
from latchkey.emails import Mail
from latchkey.languages.times import Each, Hours, InDays, Value, in_words
from local.emulator.patches import tracking
from tests.unit import pseudo

LANGUAGES = sorted(languages.available())
REPORT = "reminders_report"
STYLE = Style(language="en", zone="UTC")

LINK = "https://reset.example.com/extract#ph=0123.4102444800.4567&rs=secret-_"
MOMENT = datetime(2100, 1, 1, tzinfo=UTC)
VALUES: dict[str, dict[str, Value]] = {
    "claim_link": {
        "user": "alice@example.com",
        "link": LINK,
        "code": "extract012341024448004567secret-_",
        "expires_at": MOMENT,
    },
    "claimed": {
        "user": "alice@example.com",
        "claimed_at": datetime(2026, 11, 21, 10, tzinfo=UTC),
        "hours": Hours(24),
        "claimed_from": "192.0.2.10",
        "link": "https://reset.example.com/revoke#ph=0123.4102444800.4567&rs=secret-_",
        "code": "revoke012341024448004567secret-_",
        "expires_at": MOMENT,
    },
    "confirm_request": {
        "user": "alice@example.com",
        "link": "https://reset.example.com/confirm#ph=0123.4102444800.4567&rs=secret-_",
        "code": "confirm012341024448004567secret-_",
        "expires_at": MOMENT,
    },
    "expired": {"user": "alice@example.com", "link": "https://reset.example.com/generate"},
    "confirm_unlock": {
        "user": "alice@example.com",
        "link": "https://reset.example.com/unlock#ph=0123.4102444800.4567&rs=secret-_",
        "code": "unlock012341024448004567secret-_",
        "expires_at": MOMENT,
    },
    "unlocked": {"user": "alice@example.com", "link": "https://reset.example.com/generate"},
    "unlock_failed": {"user": "alice@example.com", "link": "https://reset.example.com/generate"},
    "change_denied": {"user": "alice@example.com"},
    "failed": {"user": "alice@example.com", "link": "https://reset.example.com/generate"},
    "manager_summary": {"people": Each((("alice@example.com", InDays(3)),))},
    "password_expired": {
        "user": "alice@example.com",
        "expires_at": MOMENT,
        "link": "https://reset.example.com/generate?user=alice@example.com",
    },
    "reminder": {
        "user": "alice@example.com",
        "in_days": InDays(7),
        "expires_at": MOMENT,
        "link": "https://reset.example.com/generate?user=alice@example.com",
    },
    "reminders_report": {
        "day": "2026-11-21",
        "mode": "a real run",
        "headline": "5 mailed",
        "counts": "5  mailed",
        "problems": "Nothing went wrong.",
        "page": "s3://lists/runs/1/report.html",
        "report": "s3://lists/runs/2026-11-21/report.csv",
    },
}
MAILS = [name for name in VALUES if name != REPORT]
#: The mails that say what else to do where there is no link.
WITHOUT_LINK = ["expired", "failed", "password_expired", "reminder", "unlock_failed", "unlocked"]
EACH_MAIL = pytest.mark.parametrize(("name", "language"), [*product(MAILS, LANGUAGES), (REPORT, "en")])
EACH_TRANSLATION = pytest.mark.parametrize(("name", "language"), list(product(MAILS, LANGUAGES)))
EACH_LINK = pytest.mark.parametrize(
    ("name", "language"), [(name, tag) for name in MAILS if "link" in VALUES[name] for tag in LANGUAGES]
)
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


def render(name: str, values: dict[str, Value], language: str = "en") -> Mail:
    if name == REPORT:
        return emails.render_report({key: str(value) for key, value in values.items()}, STYLE)
    return emails.render(name, values, language, STYLE)


def shown(name: str, value: str, language: str = "en") -> str:
    return in_words(VALUES[name][value], language, ZoneInfo("UTC"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_mail_and_it_is_tested_here(language: str) -> None:
    (folder,) = [folder / language for folder in languages.FOLDERS if (folder / language).exists()]
    assert sorted(path.stem for path in folder.glob("*.txt")) == sorted(MAILS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_cannot_sign_in_with_an_expired_password_is_told_whom_to_ask(language: str) -> None:
    """With `HardExpiry` in the account's policy no one chooses a new password at sign-in any more."""
    way_out = render("expired", VALUES["expired"] | {"link": ""}, language).text.strip().split("\n\n")[-1]
    assert way_out in render("password_expired", VALUES["password_expired"] | {"link": ""}, language).text


@EACH_MAIL
def test_nothing_is_left_to_fill_in(name: str, language: str) -> None:
    for link in ({}, {"link": ""}) if name in WITHOUT_LINK else ({},):
        mail = render(name, VALUES[name] | link, language)
        assert not re.search(r"\{\{|\}\}|\*\*|\]\(", mail.subject + mail.text + mail.html)


@EACH_MAIL
def test_every_value_stands_in_text_and_html(name: str, language: str) -> None:
    mail = render(name, VALUES[name], language)
    read = Reader(mail.html)
    for value in VALUES[name]:
        words = shown(name, value, language)
        assert words in mail.text
        assert words in read.text or words in read.links


@pytest.mark.parametrize(
    ("name", "value"),
    [("manager_summary", "people"), *((name, "user") for name in MAILS if "user" in VALUES[name])],
)
def test_a_name_adds_no_line_and_turns_none_around(name: str, value: str) -> None:
    """People write their display names themselves in some directories, and a manager reads them."""
    hostile = "Eve\r\n\nRenew yours:\u2028now\u202e\x1b."
    plain = "Eve Renew yours: now ."
    given, tame = (Each(((each, InDays(3)),)) if value == "people" else each for each in (hostile, plain))
    assert render(name, VALUES[name] | {value: given}) == render(name, VALUES[name] | {value: tame})


@EACH_TRANSLATION
def test_no_text_of_a_mail_is_outside_its_language(name: str, language: str) -> None:
    """What HTML says, and the text, is what the language's files say: the layout has no words of its own."""
    mail = render(name, VALUES[name], language)
    heard = re.sub(r"\s", "", Reader(mail.html).text)
    for paragraph in mail.text.split("\n\n"):
        assert re.sub(r"\s", "", paragraph) in heard


@pytest.mark.parametrize("name", MAILS)
@pytest.mark.parametrize("link", [True, False])
def test_no_text_of_a_mail_is_left_untranslated(tmp_path: Path, name: str, *, link: bool) -> None:
    values = VALUES[name] | ({} if link or name not in WITHOUT_LINK else {"link": ""})
    with pseudo.spoken(tmp_path):
        mail = emails.render(name, values, pseudo.TAG, Style(language="en", zone="Australia/Sydney"))
    given = r"alice@example\.com|https?://\S+|(extract|confirm|revoke|unlock)\d+secret-_|192\.0\.2\.10|Australia/Sydney|UTC|\d+"
    for text in (mail.subject, mail.text, Reader(mail.html).text):
        assert not re.search(r"[A-Za-z]", re.sub(given, "", pseudo.bare(text)))
    assert f'<html lang="{pseudo.TAG}" dir="ltr">' in mail.html


@EACH_TRANSLATION
def test_a_mail_says_its_language_and_direction(name: str, language: str) -> None:
    direction = "rtl" if language == "ar" else "ltr"
    html = render(name, VALUES[name], language).html
    assert f'<html lang="{language}" dir="{direction}">' in html
    # A mail program shows the body alone, in a page of its own.
    assert f'<div dir="{direction}"' in html


@pytest.mark.parametrize(
    ("wanted", "subject"), [("de-AT", "Ihr"), ("xx", "Your"), ("", "Your"), ("FR", "Votre")]
)
def test_a_mail_is_in_the_readers_language_else_in_the_stacks(wanted: str, subject: str) -> None:
    assert emails.render("reminder", VALUES["reminder"], wanted, STYLE).subject.startswith(subject)


def test_a_moment_is_in_the_stacks_time_zone_with_utc_beside_it() -> None:
    values = VALUES["reminder"] | {"expires_at": datetime(2026, 11, 20, 20, 30, tzinfo=UTC)}
    mail = emails.render("reminder", values, "en", Style(language="en", zone="Australia/Sydney"))
    assert "Saturday, 21 November 2026, 07:30 (Australia/Sydney; Friday, 20:30 UTC)" in mail.text
    mail = emails.render("reminder", values, "de", Style(language="en", zone="Europe/Berlin"))
    assert "Freitag, 20. November 2026, 21:30 (Europe/Berlin; 20:30 UTC)" in mail.text


@EACH_MAIL
def test_no_link_leads_by_way_of_ses(name: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account may have SES rewrite the links of every mail; this keeps it from ours, by SMTP too."""
    monkeypatch.setattr(tracking, "_account", {"DashboardAttributes": {"EngagementMetrics": "ENABLED"}})
    html = render(name, VALUES[name], language).html
    assert Reader(tracking.as_delivered(html)).links == Reader(html).links


@EACH_MAIL
def test_the_subject_is_one_line_and_the_title(name: str, language: str) -> None:
    mail = render(name, VALUES[name], language)
    assert mail.subject
    assert mail.subject.replace("\u202f", " ").replace("\u00a0", " ").isprintable()
    assert f"<title>{mail.subject}</title>" in mail.html


@EACH_MAIL
def test_the_text_begins_with_the_greeting_not_the_subject(name: str, language: str) -> None:
    mail = render(name, VALUES[name], language)
    assert mail.subject not in mail.text
    assert len(mail.text.splitlines()[0]) < 12


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


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_a_button_that_revokes_warns(language: str) -> None:
    warning = [name for name in MAILS if "#a3271d" in render(name, VALUES[name], language).html]
    assert warning == ["claimed"]


@pytest.mark.parametrize(("name", "language"), list(product(WITHOUT_LINK, LANGUAGES)))
def test_a_mail_without_a_link_says_what_else_to_do(name: str, language: str) -> None:
    without = render(name, VALUES[name] | {"link": ""}, language)
    assert Reader(without.html).links == []
    paragraphs = set(render(name, VALUES[name], language).text.split("\n\n"))
    assert len(set(without.text.split("\n\n")) - paragraphs) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_says_whose_it_is_and_whom_to_ask(language: str) -> None:
    style = replace(STYLE, organization="Müller & Söhne", support="it@example.com", accent="#ffcc00")
    mail = emails.render("reminder", VALUES["reminder"], language, style)
    plain = emails.render("reminder", VALUES["reminder"], language, STYLE)
    help_line = languages.words(language)["shell.support"].replace("{{support}}", "it@example.com")
    assert mail.text == f"{plain.text}\n{help_line}\nMüller & Söhne\n"
    assert "Müller &amp; Söhne</p>" in mail.html
    assert f">{help_line}</p>" in mail.html
    assert "background:#1" not in mail.html
    assert colors.contrast(re.findall(r"background:(#\w+);color:#ffffff", mail.html)[0], "#ffffff") >= 4.5


def test_lines_of_a_value_stay_lines() -> None:
    mail = render(REPORT, VALUES[REPORT] | {"counts": "5  mailed\n2  due"})
    assert "5  mailed\n2  due" in mail.text
    assert "5  mailed<br>2  due" in mail.html


@EACH_MAIL
def test_no_mail_loads_anything_from_anywhere(name: str, language: str) -> None:
    html = render(name, VALUES[name], language).html
    assert not re.search(r"<(img|script|link|iframe|object)\b|url\(|\bsrc=", html)


def test_the_claim_links_subject_is_the_documented_one() -> None:
    assert render("claim_link", VALUES["claim_link"]).subject == "CONFIDENTIAL: Account information"


def test_the_claim_links_last_line_is_the_documented_one() -> None:
    last = render("claim_link", VALUES["claim_link"]).text.rstrip("\n").splitlines()[-1]
    assert last == "NOTE: This link is valid for a single use only."


@EACH_LINK
def test_the_link_stands_on_a_line_of_its_own(name: str, language: str) -> None:
    assert VALUES[name]["link"] in render(name, VALUES[name], language).text.splitlines()


@EACH_LINK
def test_the_links_of_a_mail_with_one_lead_there_alone(name: str, language: str) -> None:
    assert set(Reader(render(name, VALUES[name], language).html).links) == {VALUES[name]["link"]}


@pytest.mark.parametrize(
    ("name", "language"), list(product(["claim_link", "claimed", "confirm_request"], LANGUAGES))
)
def test_the_code_stands_on_a_line_of_its_own_and_is_no_link(name: str, language: str) -> None:
    mail, code = render(name, VALUES[name], language), VALUES[name]["code"]
    assert code in mail.text.splitlines()
    assert re.search(rf'<p><span dir="ltr"[^>]*>{re.escape(str(code))}</span></p>', mail.html)


@pytest.mark.parametrize("name", ["change_denied", "claimed", "confirm_request", "expired", "failed"])
def test_a_notice_is_not_confidential(name: str) -> None:
    assert "CONFIDENTIAL" not in render(name, VALUES[name]).subject
