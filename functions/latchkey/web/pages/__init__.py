"""The pages people see: one asks for a reset, the others are what mailed links lead to."""

import base64
import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from latchkey import languages
from latchkey.domain.account_kinds import AccountKind
from latchkey.domain.style import Style
from latchkey.languages.text import fill, markup
from latchkey.version import VERSION
from latchkey.web.http import SECURITY_HEADERS
from latchkey.web.pages import brand

LONGEST_USER = 254
"""Characters in the longest mail address mail reaches (RFC 5321, 4.5.3.1.3, less the two brackets)."""

_SCRIPT = "script."
"""Beginning of the keys of the words that a page's script says."""


@dataclass(frozen=True)
class Page:
    """A whole page, style and script included, and the headers it has to travel with."""

    html: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class _Layout:
    """A page before words and colours are filled in; no language changes its script, nor its hash."""

    html: str
    script: str


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _source(inline: str) -> str:
    digest = hashlib.sha256(inline.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _lay_out(name: str, *, linked: bool = False) -> _Layout:
    script = "".join(_read(f"{each}.js") for each in ("shared", *(["link"] * linked), name))
    main = "".join(_read(f"{each}.html") for each in (name, *(["cut"] * linked)))
    text = _read("shell.html").replace("{{main}}", main)
    return _Layout(text.replace("{{title}}", f"{{{{{name}.title}}}}"), script)


def _headers(style: str, script: str) -> Mapping[str, str]:
    policy = {
        "default-src": "'none'",
        "script-src": _source(script),
        "style-src": _source(style),
        "connect-src": "'self'",
        "img-src": "data:",  # the logo, there and in the browser's tab
        "base-uri": "'none'",
        "form-action": "'none'",  # should the script fail, the form must not put the user in a URL
        "frame-ancestors": "'none'",
    }
    headers = {
        **SECURITY_HEADERS,
        "Content-Security-Policy": "; ".join(f"{name} {source}" for name, source in policy.items()),
        "Content-Type": "text/html; charset=utf-8",
        "Permissions-Policy": (
            "camera=(), clipboard-read=(), clipboard-write=(self), display-capture=(), geolocation=(), "
            "microphone=(), payment=(), publickey-credentials-get=(), usb=()"
        ),
    }
    return MappingProxyType(headers)


_ACCOUNTS = _read("accounts.html")
_CHECKED = "checked"
_CSS = _read("page.css")

# Put together once, while the function initialises.
_LAYOUTS = MappingProxyType(
    {
        "generate": _lay_out("request"),
        "extract": _lay_out("reveal", linked=True),
        "confirm": _lay_out("confirm", linked=True),
        "revoke": _lay_out("revoke", linked=True),
    }
)
_LINKED = ("extract", "confirm", "revoke")


@cache
def _page(name: str, language: str, style: Style, *, accounts: bool = False) -> Page:
    layout = _LAYOUTS[name]
    words = languages.words(language)
    css = fill(_CSS, brand.colors(style))
    parts = {
        **brand.parts(style, language),
        "language": language,
        "direction": languages.formats(language)["direction"],
        "style": css,
        "script": layout.script,
        "script_words": "".join(_data(key, text) for key, text in words.items() if key.startswith(_SCRIPT)),
        "version": VERSION,
        # Filled in for each request.
        **{name: f"{{{{{name}}}}}" for name in ("user", *AccountKind)},
    }
    text = layout.html.replace("{{accounts}}", _ACCOUNTS if accounts else "")
    shown = fill(text, {key: markup(text) for key, text in words.items()} | parts)
    return Page(shown, _headers(css, layout.script))


def _data(key: str, text: str) -> str:
    """Return the attribute in which a page's script finds a text: `data-our-fault` for `script.our_fault`."""
    name = key.removeprefix(_SCRIPT).replace("_", "-")
    return f' data-{name}="{html.escape(text)}"'


def request_page(user: str, language: str, style: Style, account: AccountKind | None = None) -> Page:
    """Return the form that asks for a reset, with `user` filled in.

    The server fills it in, because one escaped attribute is all it takes: the script never reads the address
    bar, and without the right hash nothing that slipped through could run. What cannot be a user name is left
    out whole, since an address cut short is another person's.

    Args:
        user: the user's name.
        language: the language of its words.
        style: the stack's.
        account: which of the user's accounts is chosen already; None where there is one kind alone.
    """
    known = user if len(user) <= LONGEST_USER and user.isprintable() else ""
    page = _page("generate", language, style, accounts=account is not None)
    values = {kind.value: _CHECKED if kind is account else "" for kind in AccountKind}
    return Page(fill(page.html, values | {"user": html.escape(known)}), page.headers)


def linked_page(path: str, language: str, style: Style) -> Page | None:
    """Return the page behind a mailed link: the same for every link, so that fetching uses nothing up.

    Args:
        path: begins with the page's name, `extract`, `confirm` or `revoke`.
        language: the language of its words.
        style: the stack's.

    Returns:
        None where it begins otherwise.
    """
    return next((_page(name, language, style) for name in _LINKED if path.startswith(name)), None)
