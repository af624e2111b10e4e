"""The mails people get, from the words of a language; the report to administrators is beside this file."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from latchkey import languages
from latchkey.domain.colors import readable
from latchkey.domain.style import Style
from latchkey.domain.time_zones import time_zone
from latchkey.languages.text import fill, keep_sections, markup, plain
from latchkey.languages.times import Value, in_words

_FOLDER = Path(__file__).parent
_SHELL = (_FOLDER / "shell.html").read_text("utf-8")
_BUTTON = (_FOLDER / "button.html").read_text("utf-8")
_CODE = (_FOLDER / "code.html").read_text("utf-8")

#: A paragraph that is nothing but a link is a button; an exclamation mark makes it one that warns.
_LINK_ALONE = re.compile(r"\[(?P<warns>!?)(?P<label>[^]]+)\]\((?P<target>[^)]+)\)")
#: One that is nothing but a code to copy has a line and a typeface of its own.
_CODE_ALONE = re.compile(r"`([^`]+)`")
_WARNING = "#a3271d"
#: What mails stand on, and what buttons say is written in.
_GROUND = "#ffffff"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to be sent, all but the address; its bodies may hold a link, so no repr shows them."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


def render(name: str, values: Mapping[str, Value], wanted: str, style: Style) -> Mail:
    """Return the mail `name` with its values filled in, escaped where they stand in HTML.

    Args:
        name: the mail's, as its file is called.
        values: what the mail asks for; moments and durations are put in words here.
        wanted: the languages its reader understands, as `languages.choose` takes them.
        style: the stack's.

    Raises:
        KeyError: when the mail asks for a value that is not given.
    """
    language, zone = languages.choose(wanted, style.language), time_zone(style.zone)
    words = {key: in_words(value, language, zone) for key, value in values.items()}
    return _fill(languages.mail(language, name), words, language, style)


def render_report(values: Mapping[str, str], style: Style) -> Mail:
    """Return the report of a run of the reminders; it is for operators, so there is one in English alone.

    Raises:
        KeyError: as `render` does.
    """
    return _fill(_report(), values, "en", style)


@cache
def _report() -> str:
    return (_FOLDER / "reminders_report.txt").read_text("utf-8")


def _fill(written: str, values: Mapping[str, str], language: str, style: Style) -> Mail:
    words = languages.words(language)
    frame = {
        "accent": readable(style.accent, _GROUND),
        "direction": languages.formats(language)["direction"],
        "language": language,
        "organization": style.organization,
        "support": style.support and fill(words["shell.support"], {"support": style.support}),
    }
    template = _parse(keep_sections(written, values), keep_sections(_SHELL, frame))
    known = {**words, **values}
    subject = fill(template.subject, known)
    foot = [line for line in (frame["support"], frame["organization"]) if line]
    return Mail(
        subject=subject,
        text="\n".join([fill(template.text, known), *foot, ""]) if foot else fill(template.text, known),
        html=fill(template.html, known | frame | {"subject": subject}, _escape),
    )


def _escape(value: str) -> str:
    return html.escape(value).replace("\n", "<br>")


@cache
def _parse(written: str, shell: str) -> Mail:
    """Read a mail as it is written, once for the thousands of reminders of a run; values are left open."""
    subject, *paragraphs = re.split(r"\n{2,}", written.strip())
    main = "".join(map(_as_html, paragraphs))
    return Mail(
        subject=subject.removeprefix("Subject: "),
        text="\n\n".join(map(_as_text, paragraphs)) + "\n",
        html=shell.replace("{{main}}", main),
    )


def _as_text(paragraph: str) -> str:
    button, code = _LINK_ALONE.fullmatch(paragraph), _CODE_ALONE.fullmatch(paragraph)
    if code:
        return code[1]
    return button["target"] if button else plain(paragraph)


def _as_html(paragraph: str) -> str:
    button, code = _LINK_ALONE.fullmatch(paragraph), _CODE_ALONE.fullmatch(paragraph)
    if code:
        return _CODE.replace("{{content}}", code[1])
    if not button:
        return f"<p>{markup(paragraph)}</p>\n"
    parts = {
        "{{label}}": html.escape(button["label"]),
        "{{target}}": button["target"],
        "{{background}}": _WARNING if button["warns"] else "{{accent}}",
    }
    found = _BUTTON
    for part, content in parts.items():
        found = found.replace(part, content)
    return found
