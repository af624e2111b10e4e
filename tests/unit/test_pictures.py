"""The README's pictures: each is there, small, and said in words."""

import re
from pathlib import Path

from tools.take_screenshots import LARGEST

ROOT = Path(__file__).parents[2]
PICTURES = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))


def test_each_picture_is_there_small_and_has_an_alternative_text() -> None:
    assert PICTURES
    for text, target in PICTURES:
        path = ROOT / target
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size <= LARGEST
        assert len(text.split()) > 5, target


def test_no_picture_is_left_that_the_readme_does_not_show() -> None:
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "pictures").iterdir()}
    assert there == {target for _, target in PICTURES}
