"""The words people read, on pages and in mails: one folder for each language.

`words.json` holds the texts of the pages, of their scripts (`script.`), and what mails have in common
(`mail.`). Each other file is a mail, whose first line is the subject. All are plain text, in which
`**strong**`, `[label](target)` and `{{value}}` have a meaning.
"""

import json
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@cache
def words(language: str) -> dict[str, str]:
    """Return the texts of a language by their keys."""
    found: dict[str, str] = json.loads((_FOLDER / language / "words.json").read_text("utf-8"))
    return found


@cache
def mail(language: str, name: str) -> str:
    """Return a mail as it is written; once for the thousands of reminders of a run."""
    return (_FOLDER / language / f"{name}.txt").read_text("utf-8")
