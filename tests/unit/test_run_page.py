"""The report as a page: well-formed, self-contained, and safe whatever a directory holds."""

from dataclasses import replace
from datetime import UTC, date, datetime
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from latchkey.domain.accounts import Account
from latchkey.domain.reminders import Outcome, Reminder, ReportRow
from latchkey.domain.run_page import RunFigures, page

EVE = Account("directory", "1", "eve", datetime(2026, 11, 28, tzinfo=UTC), mail="eve@example.com")
FIGURES = RunFigures(
    day=date(2026, 11, 21),
    mode="a real run",
    headline="2 mailed",
    problems=["directory: DirectoryUnreachableError: No server."],
    counts={"mailed": 2, "not due": 1200},
    expiries=[4, 0, 8, *[0] * 57],
)


def read(text: str) -> ET.Element:
    """Parse the page: what is well-formed XML here is the same in HTML."""
    doctype, _, rest = text.partition("\n")
    assert doctype == "<!doctype html>"
    for tag in ('meta charset="utf-8"', "meta http-equiv", "meta name"):
        rest = "\n".join(
            line.replace(">", "/>") if line.startswith(f"<{tag}") else line for line in rest.splitlines()
        )
    return ET.fromstring(rest)  # noqa: S314  # our own text


def bars(root: ET.Element) -> list[int]:
    return [int(bar.get("height") or "") for bar in root.iter("rect")]


def test_the_page_says_what_happened_in_figures() -> None:
    root = read(page(FIGURES, [], 0))
    text = " ".join(root.itertext())
    assert "Password reminders of 2026-11-21" in text
    assert "2 mailed" in text
    assert "1,200" in text
    assert "DirectoryUnreachableError" in text
    assert "Everyone was reached." in text


def test_the_chart_has_a_bar_for_each_day_as_tall_as_its_figure() -> None:
    root = read(page(FIGURES, [], 0))
    assert bars(root) == [80, 0, 160, *[0] * 57]
    assert next(root.iter("rect"))[0].text == "2026-11-21: 4"


def test_a_chart_without_expiries_is_empty() -> None:
    assert bars(read(page(replace(FIGURES, expiries=[0] * 60), [], 0))) == [0] * 60


def test_whoever_was_missed_is_named_with_the_reason_and_the_rest_counted() -> None:
    row = ReportRow(Reminder(EVE, 7, 7), Outcome.FAILED, "550 no such user")
    text = " ".join(read(page(FIGURES, [row], 501)).itertext())
    assert "eve@example.com" in text
    assert "2026-11-28 00:00 UTC" in text
    assert "550 no such user" in text
    assert "The first 1 of 501" in text


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text = page(FIGURES, [], 0)
    assert "default-src 'none'" in text
    assert not any(word in text for word in ("<script", "src=", "href=", "url(", "@import"))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_no_name_becomes_markup(name: str) -> None:
    row = ReportRow(Reminder(replace(EVE, user=f"<b>{name}</b>"), 7, 7), Outcome.FAILED, "</td><script>")
    root = read(page(FIGURES, [row], 1))
    assert not list(root.iter("b"))
    assert not list(root.iter("script"))
