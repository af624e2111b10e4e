"""What the documents point at is there: tests by name, files, other documents."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

_TEST = re.compile(r"((?:unit|workflow|e2e)/(?:\w+/)*test_\w+)(?:\.py)?(?:::(\w+))?")
_LINK = re.compile(r"\]\(([^)#:]+\.md)")
_SECTION = re.compile(r"\]\(([^)#:]*)#([\w-]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def missing(document: Path, text: str) -> Iterator[str]:
    """Yield the tests and documents that a document names and that are not there."""
    for name, test in _TEST.findall(text):
        path = ROOT / "tests" / f"{name}.py"
        if not path.exists() or test not in path.read_text("utf-8"):
            yield f"{name}::{test}"
    yield from (link for link in _LINK.findall(text) if not (document.parent / link).exists())
    for link, section in _SECTION.findall(text):
        target = document.parent / link if link else document
        if target.exists() and section not in sections(target.read_text("utf-8")):
            yield f"{link}#{section}"


def sections(text: str) -> set[str]:
    """Return what a link to each heading of a document ends in, as GitHub makes it."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_tests_and_documents_that_a_document_names_are_there(document: Path) -> None:
    assert list(missing(document, document.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "`unit/test_gone.py`",
        "`unit/test_users.py::test_gone`",
        "[x](gone.md)",
        "[x](#gone)",
        "[x](docs/aws.md#gone)",
    ],
)
def test_what_is_gone_is_found(text: str) -> None:
    assert list(missing(ROOT / "README.md", text))


def test_each_decision_has_a_number_of_its_own() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    numbers = [path.name[:4] for path in records]
    assert len(set(numbers)) == len(numbers)
    titles = [path.read_text("utf-8").partition(".")[0] for path in records]
    assert titles == [f"# {int(number)}" for number in numbers]


def test_each_decision_is_once_in_the_index_by_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(
        r"^- \[(.+?)\]\((0\d{3}-.+?\.md)\)", (folder / "README.md").read_text("utf-8"), re.MULTILINE
    )
    titles = (
        (re.sub(r"# (.+) \(.+\)", r"\1", path.read_text("utf-8").partition("\n")[0]), path.name)
        for path in folder.glob("0*.md")
    )
    assert sorted(listed) == sorted(titles)
