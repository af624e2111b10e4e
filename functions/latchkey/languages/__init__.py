"""The words people read, on pages and in mails: one folder for each language.

`words.json` holds the texts of the pages, of their scripts (`script.`), and what mails have in common.
`formats.json` says how dates and numbers are written; `make formats` writes it. Each other file is a mail,
whose first line is the subject. All are plain text, in which `**strong**`, `[label](target)` and `{{value}}`
have a meaning.

What a stack wants otherwise is in an overlay of the same shape, which this repository leaves alone: whole
languages, whole mails, or single texts of a `words.json`.
"""

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from latchkey.domain import languages as rules

FOLDERS: tuple[Path, ...] = (Path(__file__).parent, Path(__file__).parents[2] / "overlay")
"""Where languages are; what is in a later folder counts more."""


@lru_cache
def choose(wanted: str, default: str) -> str:
    """Return the language of those there are that serves best.

    Args:
        wanted: what a browser, a directory or a tag says, in the form of Accept-Language: `de-AT, en;q=0.8`.
        default: the language to take where none fits.
    """
    return rules.choose(wanted, available(), default)


@cache
def available() -> frozenset[str]:
    """Return the tags of the languages there are."""
    return frozenset(path.parent.name for folder in FOLDERS for path in folder.glob("*/words.json"))


@cache
def words(language: str) -> dict[str, str]:
    """Return the texts of a language by their keys."""
    found: dict[str, str] = {}
    for text in _versions(language, "words.json"):
        found.update(json.loads(text))
    return found


@cache
def formats(language: str) -> dict[str, Any]:
    """Return how a language writes dates and numbers, and its direction: `ltr` or `rtl`."""
    found: dict[str, Any] = json.loads(_versions(language, "formats.json")[-1])
    return found


@cache
def mail(language: str, name: str) -> str:
    """Return a mail as it is written; once for the thousands of reminders of a run."""
    return _versions(language, f"{name}.txt")[-1]


def overlaid(name: str) -> str:
    """Return the text of a file that the overlay alone may have; empty without one."""
    return next((path.read_text("utf-8") for folder in FOLDERS[1:] if (path := folder / name).is_file()), "")


def _versions(language: str, name: str) -> list[str]:
    """Return the texts of a file, the one that counts most last."""
    paths = (folder / language / name for folder in FOLDERS)
    return [path.read_text("utf-8") for path in paths if path.is_file()]
