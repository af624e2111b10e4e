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
from latchkey.domain.request_fields import MAXIMUM_ADDRESS_CHARACTERS, AccountKind, RequestAccess
from latchkey.domain.style import Style
from latchkey.languages.text import fill, markup
from latchkey.version import VERSION
from latchkey.web.http import SECURITY_HEADERS
from latchkey.web.pages import brand

_SCRIPT = "script."
"""Beginning of the keys of the words that a page's script says."""


@dataclass(frozen=True)
class Page:
    """A whole page, style and script included, and the headers it has to travel with."""

    html: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Door:
    """Who may ask by the page: all who reach it, who signs in to a user pool first, or no one.

    Attributes:
        access: the stack's RequestAccess.
        pool: address of the user pool's managed login; empty for none.
        client: the pool's app client that leads back to the page.
    """

    access: RequestAccess
    pool: str = ""
    client: str = ""

    @property
    def signs_in(self) -> bool:
        """Whether people sign in on the page."""
        return self.access is RequestAccess.COGNITO and bool(self.pool)

    @property
    def closed(self) -> bool:
        """Whether what the page could send would be refused."""
        return self.access is not RequestAccess.PUBLIC and not self.signs_in


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


def _lay_out(name: str, sections: str, scripts: str) -> _Layout:
    """Put a page together; `sections` and `scripts` name its parts, separated by blanks.

    A part that serves several pages says `{{page.title}}` for the page's own words.
    """
    script = "".join(_read(f"{each}.js") for each in ["shared", *scripts.split(), "ready"])
    main = "".join(_read(f"{each}.html") for each in sections.split())
    text = _read("shell.html").replace("{{main}}", main)
    return _Layout(text.replace("{{page.", f"{{{{{name}."), script)


def _headers(style: str, script: str, pool: str) -> Mapping[str, str]:
    policy = {
        "default-src": "'none'",
        "script-src": _source(script),
        "style-src": _source(style),
        "connect-src": f"'self' {pool}".strip(),
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

_OPEN = Door(RequestAccess.PUBLIC)

# Put together once, while the function initialises.
_LINKED = MappingProxyType(
    {
        "extract": _lay_out("reveal", "reveal cut", "link reveal"),
        "confirm": _lay_out("confirm", "confirm cut", "link confirm"),
        "revoke": _lay_out("revoke", "revoke cut", "link revoke"),
        "unlock": _lay_out("unlock", "confirm cut", "link confirm"),
    }
)


def _lay_out_request(door: Door) -> _Layout:
    if door.closed:
        return _lay_out("request", "closed", "")
    if door.signs_in:
        return _lay_out("request", "sign_in request", "request sign_in")
    return _lay_out("request", "request", "request")


@cache
def _page(name: str, language: str, style: Style, door: Door = _OPEN, *, accounts: bool = False) -> Page:
    layout = _LINKED.get(name) or _lay_out_request(door)
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
        "pool": html.escape(door.pool),
        "client": html.escape(door.client),
        "hidden": " hidden" if door.signs_in else "",
        # Filled in for each request.
        **{name: f"{{{{{name}}}}}" for name in ("user", *AccountKind)},
    }
    text = layout.html.replace("{{accounts}}", _ACCOUNTS if accounts else "")
    shown = fill(text, {key: markup(text) for key, text in words.items()} | parts)
    return Page(shown, _headers(css, layout.script, door.pool))


def _data(key: str, text: str) -> str:
    """Return the attribute in which a page's script finds a text: `data-our-fault` for `script.our_fault`."""
    name = key.removeprefix(_SCRIPT).replace("_", "-")
    return f' data-{name}="{html.escape(text)}"'


def request_page(
    door: Door, user: str, language: str, style: Style, account: AccountKind | None = None
) -> Page:
    """Return the form that asks for a reset, with `user` filled in, or whom to ask where it would be refused.

    The server fills it in, because one escaped attribute is all it takes: the script never reads it from the
    address bar, and without the right hash nothing that slipped through could run. What cannot be a user name
    is left out whole, since an address cut short is another person's.

    Args:
        door: who may ask by it.
        user: the user's name.
        language: the language of its words.
        style: the stack's.
        account: which of the user's accounts is chosen already; None where there is one kind alone.
    """
    known = user if len(user) <= MAXIMUM_ADDRESS_CHARACTERS and user.isprintable() else ""
    page = _page("generate", language, style, door, accounts=account is not None)
    values = {kind.value: _CHECKED if kind is account else "" for kind in AccountKind}
    return Page(fill(page.html, values | {"user": html.escape(known)}), page.headers)


def linked_page(path: str, language: str, style: Style) -> Page | None:
    """Return the page behind a mailed link: the same for every link, so that fetching uses nothing up.

    Args:
        path: begins with the page's name, one of `_LINKED`.
        language: the language of its words.
        style: the stack's.

    Returns:
        None where it begins otherwise.
    """
    return next((_page(name, language, style) for name in _LINKED if path.startswith(name)), None)
