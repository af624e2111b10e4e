"""What a page shows of the organisation it belongs to: name, logo, colours, and whom to ask."""

import html
import re
from base64 import b64encode
from functools import cache
from pathlib import Path
from urllib.parse import quote

from latchkey import languages
from latchkey.domain.colors import ENHANCED_CONTRAST, readable, stronger
from latchkey.domain.style import Style
from latchkey.languages.text import fill, markup

#: In `page.css`: the ground on which a colour has the least contrast, in light and in dark.
_LIGHT, _DARK = "#eef3f0", "#1a211e"
_OURS = Path(__file__).with_name("logo.svg").read_text("utf-8").strip()
_NAME = "Latchkey"
#: Unlike a person's address, one that an operator gave: it only has to look like one.
_MAIL = re.compile(r"[^@:/?\s]+@[^@:/?\s]+")


@cache
def colors(style: Style) -> dict[str, str]:
    """Return the colours that `page.css` leaves open."""
    light, dark = readable(style.accent, _LIGHT), readable(style.accent, _DARK, ENHANCED_CONTRAST)
    return {
        "accent": light,
        "accent_strong": stronger(light, _LIGHT),
        "accent_on_dark": dark,
        "accent_strong_on_dark": stronger(dark, _DARK),
    }


@cache
def parts(style: Style, language: str) -> dict[str, str]:
    """Return the parts of `shell.html` that show whose page it is, as HTML."""
    logo = languages.overlaid("logo.svg")
    if logo:
        icon = f"data:image/svg+xml;base64,{b64encode(logo.encode()).decode()}"
        mark = f'<img src="{icon}" alt="">'
    else:
        icon = f"data:image/svg+xml,{quote(_OURS.replace('currentColor', colors(style)['accent']))}"
        mark = _OURS
    return {
        "organization": html.escape(style.organization or _NAME),
        "logo": mark,
        "icon": icon,
        "support": _support(style.support, languages.words(language)["shell.support"]),
    }


def _support(contact: str, words: str) -> str:
    """Return a line with the contact, a link where it is a mail address or a URL; nothing without one."""
    if not contact:
        return ""
    shown = html.escape(contact)
    if contact.startswith("https://"):
        shown = f'<a href="{shown}">{shown}</a>'
    elif _MAIL.fullmatch(contact):
        shown = f'<a href="mailto:{shown}">{shown}</a>'
    return f"<p>{fill(markup(words), {'support': f'<bdi>{shown}</bdi>'})}</p>"
