"""The languages: which one is chosen, that all say the same things, and how they write dates and numbers."""

import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.dates import format_date, format_timedelta
from babel.units import format_unit
from hypothesis import given
from hypothesis import strategies as st

from latchkey import languages
from latchkey.domain.languages import choose
from latchkey.languages.text import keep_sections, markup, plain
from latchkey.languages.times import Hours, InDays, in_words
from tests.unit import pseudo
from tools import write_formats
from tools.asl import read_template

ROOT = Path(__file__).parents[2]
OURS = languages.FOLDERS[0]
LANGUAGES = sorted(languages.available())
TRANSLATIONS = [tag for tag in LANGUAGES if tag != "en"]
MAILS = sorted(path.name for path in (OURS / "en").glob("*.txt"))
UTC_ZONE = ZoneInfo("UTC")

#: What a translation must have as the English has it: values, links, buttons, emphasis, sections.
MARKS = re.compile(r"\{\{[#^/]?[a-z_.]+\}\}|\{[a-z]+\}|\]\([^)]*\)|\[!|\*\*")


def marks(text: str) -> Counter[str]:
    return Counter(MARKS.findall(text))


class TestChoice:
    """Which language a person reads."""

    @pytest.mark.parametrize(
        ("wanted", "chosen"),
        [
            ("de", "de"),
            ("DE", "de"),
            ("de-AT", "de"),
            ("de_CH", "de"),
            ("zh-Hant-HK, zh;q=0.9, ja;q=0.5", "ja"),
            ("fr;q=0.3, es;q=0.7", "es"),
            ("fr;q=0.7,es;q=0.7", "fr"),
            ("fr;q=0, es;q=0.1", "es"),
            ("*", "en"),
            ("nl, *;q=0.5", "en"),
            ("", "en"),
            ("de;q=x, ja;q=0.1", "ja"),
            ("../de", "en"),
            ("x" * 490 + ",de,ja", "de"),
            ("x" * 499 + ",de", "en"),
        ],
    )
    def test_the_most_wanted_that_there_is(self, wanted: str, chosen: str) -> None:
        assert choose(wanted, {"de", "en", "es", "fr", "ja"}, "en") == chosen

    def test_a_language_of_one_region_serves_that_region(self) -> None:
        there = {"pt", "pt-BR", "en"}
        assert [choose(tag, there, "en") for tag in ("pt-br", "pt-PT", "pt")] == ["pt-BR", "pt", "pt"]

    @given(st.text(max_size=60))
    def test_whatever_is_wanted_there_is_one(self, wanted: str) -> None:
        assert choose(wanted, {"de", "en"}, "en") in {"de", "en"}

    def test_the_template_offers_the_languages_there_are(self) -> None:
        template = read_template(ROOT / "template.yaml")
        assert template["Parameters"]["DefaultLanguage"]["AllowedValues"] == LANGUAGES


@pytest.mark.parametrize("language", TRANSLATIONS)
class TestTranslations:
    """What each says as the English does."""

    def test_it_has_the_same_texts_with_the_same_values_and_links(self, language: str) -> None:
        english, other = (
            json.loads((OURS / tag / "words.json").read_text("utf-8")) for tag in ("en", language)
        )
        assert list(other) == list(english)
        assert {key: marks(text) for key, text in other.items()} == {
            key: marks(text) for key, text in english.items()
        }

    @pytest.mark.parametrize("mail", MAILS)
    def test_each_mail_has_the_same_paragraphs_values_and_buttons(self, language: str, mail: str) -> None:
        english, other = ((OURS / tag / mail).read_text("utf-8") for tag in ("en", language))
        assert [marks(each) for each in other.split("\n\n")] == [
            marks(each) for each in english.split("\n\n")
        ]

    def test_it_has_no_text_of_another_language(self, language: str) -> None:
        english, other = languages.words("en"), languages.words(language)
        same = {key for key in english if english[key] == other[key]}
        assert {key for key in same if not key.startswith("time.")} == set()

    @pytest.mark.parametrize("mail", MAILS)
    def test_no_paragraph_of_a_mail_is_left_in_english(self, language: str, mail: str) -> None:
        english, other = (
            set((OURS / tag / mail).read_text("utf-8").split("\n\n")) for tag in ("en", language)
        )
        assert {each for each in english & other if re.search(r"[a-z]", MARKS.sub("", each))} == set()


@pytest.mark.parametrize("language", LANGUAGES)
class TestFormats:
    """Dates and numbers, beside what Babel says."""

    def test_its_formats_are_what_the_cldr_says(self, language: str) -> None:
        locale = Locale.parse({"en": "en-001"}.get(language, language), "-")
        assert (OURS / language / "formats.json").read_text("utf-8") == write_formats.written(locale)

    def test_each_day_of_a_year_is_written_as_babel_writes_it(self, language: str) -> None:
        for number in range(366):
            day = date(2028, 1, 1) + timedelta(days=number)
            words = in_words(datetime(day.year, day.month, day.day, 7, 5, tzinfo=UTC), language, UTC_ZONE)
            locale = {"en": "en_001"}.get(language, language)
            assert words.startswith(format_date(day, "full", locale=locale))
            assert "07:05" in words

    def test_each_number_is_written_as_babel_writes_it(self, language: str) -> None:
        for number in range(1000):
            days = format_timedelta(
                timedelta(days=number),
                granularity="day",
                threshold=10_000,
                add_direction=True,
                locale=language,
            )
            assert number == 0 or in_words(InDays(number), language, UTC_ZONE) == days
            # Where a language has one form, as Japanese and Dutch, the CLDR keeps it as the short one.
            forms = [
                format_unit(number, "duration-hour", form, locale=language) for form in ("long", "short")
            ]
            hours = next(form for form in forms if "duration-hour" not in form)
            assert in_words(Hours(number), language, UTC_ZONE) == hours


def test_formats_are_written_for_ours_and_for_a_language_of_the_overlay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("latchkey/languages/en", "overlay/en", "overlay/nl"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "words.json").write_text("{}", "utf-8")
    assert write_formats.main(tmp_path, check=True) == 2
    assert "nl/formats.json is not what the CLDR says" in capsys.readouterr().err
    assert write_formats.main(tmp_path, check=False) == 0
    assert write_formats.main(tmp_path, check=True) == 0
    assert json.loads((tmp_path / "overlay/nl/formats.json").read_text("utf-8"))["weekdays"][0] == "maandag"
    assert not (tmp_path / "overlay/en/formats.json").exists()


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC", "Friday, 20 November 2026, 20:30 UTC"),
        ("Europe/London", "Friday, 20 November 2026, 20:30 (Europe/London; 20:30 UTC)"),
        ("Australia/Sydney", "Saturday, 21 November 2026, 07:30 (Australia/Sydney; Friday, 20:30 UTC)"),
        ("Pacific/Honolulu", "Friday, 20 November 2026, 10:30 (Pacific/Honolulu; 20:30 UTC)"),
    ],
)
def test_a_moment_is_in_its_readers_zone_with_utc_beside_it(zone: str, words: str) -> None:
    moment = datetime(2026, 11, 20, 20, 30, 59, tzinfo=UTC)
    assert in_words(moment, "en", ZoneInfo(zone)) == words
    assert in_words(moment.astimezone(ZoneInfo("Asia/Tokyo")), "en", ZoneInfo(zone)) == words


def test_less_than_a_day_is_not_said_as_no_days() -> None:
    said = {tag: in_words(InDays(0), tag, UTC_ZONE) for tag in LANGUAGES}
    assert said["en"] == "in less than a day"
    assert not [tag for tag, words in said.items() if "0" in words]


class TestText:
    """The marks in words."""

    def test_marks_become_html_and_all_else_is_escaped(self) -> None:
        text = "**a** <b> [c & d](generate) {{e}}"
        assert markup(text) == '<strong>a</strong> &lt;b&gt; <a href="generate">c &amp; d</a> {{e}}'
        assert plain(text) == "a <b> c & d {{e}}"

    @pytest.mark.parametrize(("link", "kept"), [("x", "a\n\nb\nd\n"), ("", "a\n\nc\nd\n")])
    def test_a_section_stays_where_it_applies(self, link: str, kept: str) -> None:
        text = "a\n\n{{#link}}\nb\n{{/link}}\n{{^link}}\nc\n{{/link}}\nd\n"
        assert keep_sections(text, {"link": link}) == kept


class TestOverlay:
    """Words of a stack's own, which this repository leaves alone."""

    @pytest.fixture(autouse=True)
    def overlay(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(languages, "FOLDERS", (OURS, tmp_path))
        pseudo.forget()
        return tmp_path

    @pytest.fixture(autouse=True)
    def afterwards(self) -> object:
        yield
        pseudo.forget()

    def test_single_words_take_the_place_of_ours(self, overlay: Path) -> None:
        (overlay / "en").mkdir()
        (overlay / "en" / "words.json").write_text('{"request.title": "Locked out?"}', "utf-8")
        assert languages.words("en")["request.title"] == "Locked out?"
        assert languages.words("en")["reveal.title"] == "Reveal your temporary password"

    def test_a_mail_takes_the_place_of_ours(self, overlay: Path) -> None:
        (overlay / "en").mkdir()
        (overlay / "en" / "failed.txt").write_text("Subject: Sorry", "utf-8")
        assert languages.mail("en", "failed") == "Subject: Sorry"
        assert languages.mail("en", "expired").startswith("Subject: Your password link expired")

    def test_a_seventh_language_is_a_folder(self, overlay: Path) -> None:
        pseudo.write(overlay)
        assert languages.available() == {*LANGUAGES, pseudo.TAG}
        assert languages.choose("qps-ploc", "en") == pseudo.TAG
