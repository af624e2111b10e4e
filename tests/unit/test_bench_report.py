"""The tables, and their places in the document."""

import json

import pytest

from bench.report import DOCUMENT, ROOT, MissingMarksError, draw, table

TABLES = (
    "where", "summary", "cold-starts", "imports", "resets", "handlers", "cost", "ttl", "memory", "open",
    "sustained", "directory-resets", "reminders", "reminder-functions", "quotas",
)  # fmt: skip


def test_columns_of_numbers_stand_to_the_right() -> None:
    assert table(["what", "ms"], [["a", "1"], ["bcdef", "1,000"]]).splitlines() == [
        "| what  |    ms |",
        "| ----- | ----: |",
        "| a     |     1 |",
        "| bcdef | 1,000 |",
    ]


def test_a_table_is_drawn_between_its_marks_and_nowhere_else() -> None:
    document = (
        "A\n<!-- bench-x:begin -->\nold\n<!-- bench-x:end -->\nB <!-- bench-y:begin -->\n<!-- bench-y:end -->"
    )
    drawn = draw(document, {"x": "new"})
    assert drawn == document.replace("old", "new")
    assert draw(drawn, {"x": "new"}) == drawn


def test_a_table_without_a_place_is_told() -> None:
    with pytest.raises(MissingMarksError, match="no marks for bench-x"):
        draw("nothing", {"x": "new"})


def test_the_document_has_a_place_for_every_table() -> None:
    draw(DOCUMENT.read_text(encoding="utf-8"), dict.fromkeys(TABLES, "any"))


def test_every_quota_names_its_source() -> None:
    quotas = json.loads((ROOT / "bench" / "quotas.json").read_text())["quotas"]
    assert all(each["source"].startswith("https://") and each["ends"] for each in quotas)
