"""The mails people get, from the templates beside this file; change their words there.

Each mail is a pair: `NAME.txt`, whose first line is the subject, and `NAME.html`, the inside of `shell.html`.
`$word` is filled in.
A pair `NAME.de.txt` and `NAME.de.html` beside it is for people who prefer German, and so on.
"""

import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Template

_TEMPLATES = Path(__file__).parent
#: RFC 5646, 2.2.1; whatever else a directory holds is no part of a file's name.
_LANGUAGE = re.compile(r"[a-z]{2,8}")
_SHELL = Template((_TEMPLATES / "shell.html").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to be sent, all but the address; its bodies may hold a link, so no repr shows them."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


@cache
def _templates(name: str) -> tuple[str, str]:
    """Read a mail's text and HTML; once for the thousands of reminders of a run."""
    return (_TEMPLATES / f"{name}.txt").read_text("utf-8"), (_TEMPLATES / f"{name}.html").read_text("utf-8")


def in_language(name: str, language: str) -> str:
    """Return the name of the mail in the language of a tag (RFC 5646), where there is one; else `name`."""
    primary = language.partition("-")[0].lower()
    translate_errors = f"{name}.{primary}"
    return (
        translate_errors
        if _LANGUAGE.fullmatch(primary) and (_TEMPLATES / f"{translate_errors}.txt").exists()
        else name
    )


def render(name: str, values: dict[str, str]) -> Mail:
    """Return the mail `name` with its `values` filled in, escaped for HTML where they stand in HTML.

    Raises:
        KeyError: when a template asks for a value that is not given.
    """
    text, markup = _templates(name)
    first, _, text = text.partition("\n")
    subject = Template(first.removeprefix("Subject: ")).substitute(values)
    escaped = {word: html.escape(value) for word, value in values.items()}
    return Mail(
        subject=subject,
        text=Template(text.lstrip("\n")).substitute(values),
        html=_SHELL.substitute(
            language=name.partition(".")[2] or "en",
            subject=html.escape(subject),
            main=Template(markup).substitute(escaped),
        ),
    )


def in_words(moment: datetime) -> str:
    """Return a moment as people read it in a mail: `Saturday, 21 November 2026, 10:15 UTC`."""
    return f"{moment.astimezone(UTC):%A, %-d %B %Y, %H:%M} UTC"
