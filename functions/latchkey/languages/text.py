"""How words become what people read: values are filled in, and marks become HTML."""

import html
import re
from collections.abc import Callable, Mapping

_VALUE = re.compile(r"\{\{([a-z_.]+)\}\}")
_SECTION = re.compile(r"^\{\{([#^])([a-z_]+)\}\}\n(.*?)^\{\{/\2\}\}\n", re.DOTALL | re.MULTILINE)
_STRONG = re.compile(r"\*\*(.+?)\*\*")
_LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")


def fill(text: str, values: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
    """Return a text with each `{{name}}` replaced by its value, in which nothing is replaced again.

    Args:
        text: what is to be filled in.
        values: the values by their names.
        escape: what each value goes through.

    Raises:
        KeyError: when the text asks for a value that is not given.
    """
    return _VALUE.sub(lambda found: escape(values[found[1]]), text)


def keep_sections(text: str, values: Mapping[str, object]) -> str:
    """Return a text with the sections that are for these values, as in Mustache.

    What is between lines `{{#link}}` and `{{/link}}` stays where `link` is not empty, and what follows a line
    `{{^link}}` where it is.
    """
    return _SECTION.sub(lambda found: found[3] if bool(values[found[2]]) == (found[1] == "#") else "", text)


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters.

    Those would begin another header, or lines that no one but the text's author wrote; some turn text around.
    """
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def plain(text: str) -> str:
    """Return a text without its marks."""
    return _LINK.sub(r"\1", _STRONG.sub(r"\1", text))


def markup(text: str) -> str:
    """Return a text as HTML, with `<strong>` and `<a>` for its marks; what is to be filled in stays."""
    return _LINK.sub(r'<a href="\2">\1</a>', _STRONG.sub(r"<strong>\1</strong>", html.escape(text)))
