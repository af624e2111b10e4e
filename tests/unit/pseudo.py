"""A made-up language: each text of ours in brackets, so that what is not translated stands out."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latchkey import languages

TAG = "qps"
_BRACKETED = re.compile(r"⟦[^⟦⟧]*⟧")


def bracket(text: str) -> str:
    """Return a text in brackets; links keep their targets, and values what they are filled in with."""
    return re.sub(r"(\[!?|\]\([^)]*\)|\*\*|`|\{\{?[#^/]?[a-z_.]+\}?\})", r"⟧\1⟦", f"⟦{text}⟧").replace(
        "⟦⟧", ""
    )


def bare(text: str) -> str:
    """Return what a text holds outside the brackets."""
    return _BRACKETED.sub("", text)


def write(folder: Path) -> None:
    """Write the language into a folder, from the English."""
    english = Path(languages.__file__).parent / "en"
    (folder / TAG).mkdir(parents=True)
    words = {key: bracket(text) for key, text in languages.words("en").items()}
    (folder / TAG / "words.json").write_text(json.dumps(words), "utf-8")
    formats = json.loads((english / "formats.json").read_text("utf-8"))
    for names in ("weekdays", "months"):
        formats[names] = [bracket(name) for name in formats[names]]
    for counted in ("in_days", "hours"):
        formats[counted] = [(first, bracket(form).replace("{}", "⟧{}⟦")) for first, form in formats[counted]]
    (folder / TAG / "formats.json").write_text(json.dumps(formats), "utf-8")
    for mail in english.glob("*.txt"):
        lines = mail.read_text("utf-8").splitlines()
        spoken = [
            line if not line or line.startswith(("{{#", "{{^", "{{/")) else bracket(line) for line in lines
        ]
        spoken[0] = "Subject: " + bracket(lines[0].removeprefix("Subject: "))
        (folder / TAG / mail.name).write_text("\n".join(spoken) + "\n", "utf-8")


@contextmanager
def spoken(folder: Path) -> Iterator[None]:
    """Have the language beside the others, from an overlay."""
    write(folder)
    before = languages.FOLDERS
    languages.FOLDERS = (*before, folder)
    forget()
    try:
        yield
    finally:
        languages.FOLDERS = before
        forget()


def forget() -> None:
    """Have every file read again."""
    for each in (languages.choose, languages.available, languages.words, languages.formats, languages.mail):
        each.cache_clear()
