"""The pages people see: one asks for a reset, the others are what mailed links lead to."""

import base64
import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from latchkey.web.http import SECURITY_HEADERS

LONGEST_USER = 254
"""Characters in the longest mail address mail reaches (RFC 5321, 4.5.3.1.3, less the two brackets)."""


@dataclass(frozen=True)
class Page:
    """A whole page, style and script included, and the headers it has to travel with."""

    html: str
    headers: Mapping[str, str]


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _source(inline: str) -> str:
    digest = hashlib.sha256(inline.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _assemble(name: str, title: str, *scripts: str) -> Page:
    style = _read("page.css")
    script = "".join(_read(f"{each}.js") for each in ("shared", *scripts, name))
    parts = {"title": title, "style": style, "script": script, "main": _read(f"{name}.html")}
    text = _read("shell.html")
    for part, content in parts.items():
        text = text.replace(f"{{{{{part}}}}}", content)
    policy = {
        "default-src": "'none'",
        "script-src": _source(script),
        "style-src": _source(style),
        "connect-src": "'self'",
        "img-src": "data:",  # the key in the browser's tab
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
    return Page(text, MappingProxyType(headers))


# Put together once, while the function initialises, so that a request costs one replacement at most.
_REQUEST = _assemble("request", "Reset your password")
_LINKED = MappingProxyType(
    {
        "/extract": _assemble("reveal", "Reveal your temporary password", "link"),
        "/confirm": _assemble("confirm", "Did you ask for a new password?", "link"),
        "/revoke": _assemble("revoke", "Was somebody else shown your password?", "link"),
    }
)


def request_page(user: str = "") -> Page:
    """Return the form that asks for a reset, with `user` filled in.

    The server fills it in, because one escaped attribute is all it takes: the script never reads the address
    bar, and without the right hash nothing that slipped through could run. What cannot be a user name is left
    out whole, since an address cut short is another person's.
    """
    known = user if len(user) <= LONGEST_USER and user.isprintable() else ""
    return Page(_REQUEST.html.replace("{{user}}", html.escape(known)), _REQUEST.headers)


def linked_page(route: str) -> Page:
    """Return the page behind a mailed link: the same for every link, so that fetching uses nothing up.

    Args:
        route: `/extract`, `/confirm` or `/revoke`.
    """
    return _LINKED[route]
