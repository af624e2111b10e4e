"""What GET and HEAD on the pages answer, down to the hashes of the content security policy."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, override

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey import languages
from latchkey.domain import colors
from latchkey.domain.request_fields import MAXIMUM_ADDRESS_CHARACTERS, RequestAccess
from latchkey.domain.style import Style
from latchkey.version import VERSION
from latchkey.web.http import SECURITY_HEADERS
from latchkey.web.pages import Door, brand, request_page
from reset.show_page import handler
from tests.unit import pseudo

POOL = ("https://login.example.com", "0client0")
OPEN = Door(RequestAccess.PUBLIC)
SIGN_IN = Door(RequestAccess.COGNITO, *POOL)
CLOSED = [Door(RequestAccess.IAM), Door(RequestAccess.COGNITO), Door(RequestAccess.IAM, *POOL)]

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "functions/latchkey/web/pages"
EVENTS = sorted(
    path.stem for path in (ROOT / "events").glob("show_page_*.json") if path.stem != "show_page_invalid"
)
STYLE = Style(language="en", zone="UTC")
ROUTES = ("/generate", "/extract", "/confirm", "/revoke")
GETS = [name for name in EVENTS if not name.endswith("_head")]


class Markup(HTMLParser):
    """The elements of a page, and the text inside its style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: dict[str, list[str]] = {"style": [], "script": []}
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    @override
    def handle_data(self, data: str) -> None:
        tag = self.lasttag
        if tag in self.inline and self.cdata_elem:
            self.inline[tag].append(data)
        else:
            self.texts.append(data)

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] or "" for _, attributes in self.elements if attribute in attributes]

    def element(self, identifier: str) -> dict[str, str | None]:
        (found,) = [attributes for _, attributes in self.elements if attributes.get("id") == identifier]
        return found


def answer(name: str) -> dict[str, Any]:
    event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return handler(event, None)


def show(route: str, wanted: str | None) -> dict[str, Any]:
    """Return a page as a browser gets it that asks for these languages."""
    headers = {} if wanted is None else {"accept-language": wanted}
    event = {"resource": route, "pathParameters": None, "httpMethod": "GET", "headers": headers}
    return handler(event, None)


def prefilled(html: str) -> str | None:
    return Markup(html).element("user")["value"]


def policy_of(headers: dict[str, str]) -> dict[str, str]:
    directives = headers["Content-Security-Policy"].split("; ")
    return {name: source for name, _, source in (directive.partition(" ") for directive in directives)}


@pytest.mark.parametrize("name", EVENTS)
def test_each_answer_is_a_page_with_every_security_header(name: str) -> None:
    shown = answer(name)
    assert shown["statusCode"] == 200
    assert shown["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert SECURITY_HEADERS.keys() <= shown["headers"].keys()
    for header in SECURITY_HEADERS.keys() - {"Content-Security-Policy"}:
        assert shown["headers"][header] == SECURITY_HEADERS[header]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("X-Robots-Tag", "noindex"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
        ("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    ],
)
def test_every_answer_has_the_security_headers(header: str, value: str) -> None:
    assert SECURITY_HEADERS[header] == value


@pytest.mark.parametrize("name", GETS)
def test_policy_allows_the_inline_style_and_script_by_hash_and_nothing_else(name: str) -> None:
    shown = answer(name)
    hashes = {}
    for tag, texts in Markup(shown["body"]).inline.items():
        digest = hashlib.sha256("".join(texts).encode()).digest()
        hashes[tag] = f"'sha256-{base64.b64encode(digest).decode()}'"
    assert policy_of(shown["headers"]) == {
        "default-src": "'none'",
        "script-src": hashes["script"],
        "style-src": hashes["style"],
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize("name", GETS)
def test_page_brings_everything_it_needs(name: str) -> None:
    markup = Markup(answer(name)["body"])
    assert [tag for tag, _ in markup.elements].count("script") == 1
    assert markup.values("src") == []
    assert all(link == "generate" or link.startswith("data:") for link in markup.values("href"))
    assert "url(" not in "".join(markup.inline["style"])


def test_the_parts_of_each_pages_script_make_one_module(tmp_path: Path) -> None:
    """Each part is right by itself, and two that declare the same name are none together."""
    pages = [answer(name)["body"] for name in GETS]
    pages += [request_page(door, "", "en", STYLE).html for door in (SIGN_IN, *CLOSED)]
    for script in {"".join(Markup(page).inline["script"]) for page in pages}:
        module = tmp_path / "page.mjs"
        module.write_text(script)
        node = ["node", "--check", str(module)]  # comes with npm
        checked = subprocess.run(node, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", GETS)
def test_page_has_no_inline_style_or_handler_that_the_policy_would_block(name: str) -> None:
    attributes = {name for _, attributes in Markup(answer(name)["body"]).elements for name in attributes}
    assert not {name for name in attributes if name == "style" or name.startswith("on")}


@pytest.mark.parametrize("name", GETS)
def test_a_page_brings_all_that_its_script_says(name: str) -> None:
    (script,) = Markup(answer(name)["body"]).inline["script"]
    (main,) = [attributes for tag, attributes in Markup(answer(name)["body"]).elements if tag == "main"]
    said = {
        f"data-{re.sub('([A-Z])', r'-\1', word).lower()}" for word in re.findall(r"\bwords\.(\w+)", script)
    }
    assert said
    assert said <= main.keys()


def test_each_word_of_the_scripts_is_said_by_one() -> None:
    pages = [Markup(answer(name)["body"]) for name in GETS]
    pages.append(Markup(request_page(SIGN_IN, "", "en", STYLE).html))
    scripts = "".join(script for page in pages for script in page.inline["script"])
    brought = {
        name.removeprefix("data-")
        for page in pages
        for tag, names in page.elements
        if tag == "main"
        for name in names
    }
    assert {
        name
        for name in brought
        if f"words.{re.sub('-(.)', lambda found: found[1].upper(), name)}" not in scripts
    } == set()


def test_no_script_and_no_layout_has_words_of_its_own() -> None:
    """A sentence begins with a capital, and goes on with a blank: only in comments may one stand."""
    for path in sorted(PAGES.glob("*.js")):
        code = re.sub(r"//.*", "", path.read_text("utf-8"))
        assert not re.search(r"""["'`>][A-Z][a-z]+ """, code), path.name
    for path in sorted(PAGES.glob("*.html")):
        assert not re.search(
            r">[^<{\n]*[A-Za-z]{2}[^<{]*<", path.read_text("utf-8").replace("Latchkey", "")
        ), path.name


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("language", sorted(languages.available()))
def test_a_page_is_in_the_browsers_language(route: str, language: str) -> None:
    body = show(route, f"xx, {language}-ZZ;q=0.9, en;q=0.1")["body"]
    (page,) = [attributes for tag, attributes in Markup(body).elements if tag == "html"]
    assert page == {"lang": language, "dir": "rtl" if language == "ar" else "ltr"}
    assert languages.words(language)["shell.never_asks"] in body
    assert "{{" not in body


@pytest.mark.parametrize("route", ROUTES)
def test_a_page_is_in_the_stacks_language_where_the_browsers_is_none(
    monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    monkeypatch.setenv("DEFAULT_LANGUAGE", "ja")
    for wanted in (None, "", "tlh", "*"):
        assert '<html lang="ja" dir="ltr">' in show(route, wanted)["body"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("it@example.com", '<a href="mailto:it@example.com">it@example.com</a>'),
        ("https://help.example.com/?a=1&b", '<a href="https://help.example.com/?a=1&amp;b">'),
        ('Room 12, phone 4711 "Tom & Co"', "Room 12, phone 4711 &quot;Tom &amp; Co&quot;"),
        ("javascript:alert(1)", "<bdi>javascript:alert(1)</bdi>"),
    ],
    ids=["a mail address", "a URL", "a text", "a text that is no harmless URL"],
)
def test_a_page_says_whose_it_is_and_whom_to_ask(
    monkeypatch: pytest.MonkeyPatch, route: str, contact: str, shown: str
) -> None:
    monkeypatch.setenv("ORGANIZATION_NAME", "Müller & Söhne")
    monkeypatch.setenv("SUPPORT_CONTACT", contact)
    body = show(route, "de")["body"]
    assert "<span>Müller &amp; Söhne</span>" in body
    assert " · Müller &amp; Söhne</title>" in body
    assert f"<p>Hilfe: <bdi>{shown}".replace("<bdi><bdi>", "<bdi>") in body
    assert "".join(Markup(body).texts).count("Latchkey") == 1  # beside its version


def test_a_page_without_a_contact_names_none() -> None:
    assert "Help:" not in show("/generate", "en")["body"]


@pytest.mark.parametrize("accent", ["#ffffff", "#000000", "#ffcc00", "#17695c", "#777777"])
def test_the_accent_can_be_read_in_light_and_dark(monkeypatch: pytest.MonkeyPatch, accent: str) -> None:
    """The style sheet's own grounds, and what stands on the accent itself."""
    monkeypatch.setenv("ACCENT_COLOR", accent)
    (css,) = Markup(show("/generate", "en")["body"]).inline["style"]
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+);", part)) for part in css.split("@media", 2)[:2])
    for scheme in (light, dark):
        for ground in ("ground", "card", "well"):
            assert colors.contrast(scheme["accent"], scheme[ground]) >= 4.5
        for strength in ("accent", "accent-strong"):
            assert colors.contrast(scheme["on-accent"], scheme[strength]) >= 4.5


def test_a_logo_of_the_overlay_takes_the_place_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', "utf-8")
    monkeypatch.setattr(languages, "FOLDERS", (languages.FOLDERS[0], tmp_path))
    drawn = brand.parts.__wrapped__(STYLE, "en")
    data = base64.b64encode((tmp_path / "logo.svg").read_bytes()).decode()
    assert drawn["logo"] == f'<img src="data:image/svg+xml;base64,{data}" alt="">'
    assert drawn["icon"] == f"data:image/svg+xml;base64,{data}"


@pytest.mark.parametrize("route", ROUTES)
def test_no_language_changes_what_the_policy_allows(route: str) -> None:
    headers = [show(route, language)["headers"] for language in languages.available()]
    assert all(each == headers[0] for each in headers)


@pytest.mark.parametrize("route", ROUTES)
def test_no_text_of_a_page_is_left_untranslated(tmp_path: Path, route: str) -> None:
    """In a language of brackets: in the page, in its attributes, and in what its script says."""
    with pseudo.spoken(tmp_path):
        markup = Markup(show(route, pseudo.TAG)["body"])
    (main,) = [attributes for tag, attributes in markup.elements if tag == "main"]
    said = [value or "" for name, value in main.items() if name.startswith("data-")]
    assert said
    spoken = [value for name in ("aria-label", "title", "alt") for value in markup.values(name)]
    for text in (*markup.texts, *said, *spoken):
        assert not re.search(
            r"\w", re.sub(rf"Latchkey|{re.escape(VERSION)}|\{{time\}}", "", pseudo.bare(text))
        ), text


@pytest.mark.parametrize("name", GETS)
def test_no_placeholder_is_left(name: str) -> None:
    assert "{{" not in answer(name)["body"]


@pytest.mark.parametrize("page", ["generate", "extract", "confirm", "revoke"])
def test_head_has_the_headers_of_get_and_no_body(page: str) -> None:
    head, get = answer(f"show_page_{page}_head"), answer(f"show_page_{page}")
    assert head == get | {"body": ""}


@pytest.mark.parametrize("page", ["extract", "confirm", "revoke"])
def test_page_of_a_link_is_the_same_whatever_the_link_says(page: str) -> None:
    assert answer(f"show_page_{page}_link_in_query") == answer(f"show_page_{page}")


@pytest.mark.parametrize("page", ["generate", "extract", "confirm", "revoke"])
def test_damaged_link_gets_the_page_it_was_meant_for(page: str) -> None:
    assert answer(f"show_page_{page}_damaged") == answer(f"show_page_{page}")


def test_nothing_of_a_damaged_link_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    answer("show_page_extract_damaged")
    assert capsys.readouterr() == ("", "")


def test_where_no_page_is_says_so() -> None:
    shown = answer("show_page_invalid")
    assert shown["statusCode"] == 404
    assert shown["headers"] == {**SECURITY_HEADERS, "Content-Type": "application/json; charset=utf-8"}
    assert json.loads(shown["body"])["message"] == "There is nothing at this address."


def test_user_of_the_query_is_filled_in() -> None:
    assert prefilled(answer("show_page_generate_prefilled")["body"]) == "alice@example.com"


def test_field_is_empty_without_a_user() -> None:
    assert prefilled(answer("show_page_generate")["body"]) == ""


def test_markup_as_user_stays_a_value() -> None:
    body = answer("show_page_generate_markup_as_user")["body"]
    assert prefilled(body) == '"><script>alert(1)</script>'
    assert Markup(body).inline == Markup(request_page(OPEN, "", "en", STYLE).html).inline


@pytest.mark.parametrize("name", ["too_long", "unprintable"])
def test_what_cannot_be_a_user_is_not_filled_in(name: str) -> None:
    assert answer(f"show_page_generate_{name}_user") == answer("show_page_generate")


def test_longest_user_is_filled_in_and_fits_the_field() -> None:
    user = "a" * MAXIMUM_ADDRESS_CHARACTERS
    html = request_page(OPEN, user, "en", STYLE).html
    assert prefilled(html) == user
    assert Markup(html).element("user")["maxlength"] == str(MAXIMUM_ADDRESS_CHARACTERS)


@cache
def blank_page() -> Markup:
    return Markup(request_page(OPEN, "", "en", STYLE).html)


@given(st.text(max_size=MAXIMUM_ADDRESS_CHARACTERS + 10))
def test_no_user_changes_anything_but_the_value_of_the_field(user: str) -> None:
    blank, filled = blank_page(), Markup(request_page(OPEN, user, "en", STYLE).html)
    assert filled.element("user")["value"] in {user, ""}
    filled.element("user")["value"] = ""
    assert (filled.elements, filled.inline) == (blank.elements, blank.inline)


@pytest.mark.parametrize("name", GETS)
def test_page_says_so_where_its_script_does_not_run(name: str) -> None:
    body = answer(name)["body"]
    assert Markup(body).element("without-script") == {"id": "without-script", "class": "problem"}
    assert 'byId("without-script").remove();' in Markup(body).inline["script"][-1].splitlines()[-1]


def test_importing_the_function_loads_no_client() -> None:
    check = (
        "import sys, reset.show_page; sys.exit(len({'boto3', 'botocore', 'urllib.request'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT / "functions", check=False).returncode == 0  # noqa: S603 - ours


# Who may ask by the page


@pytest.mark.parametrize("door", CLOSED)
def test_where_a_request_would_be_refused_the_page_says_whom_to_ask_and_has_no_form(door: Door) -> None:
    page = request_page(door, "alice@example.com", "en", STYLE)
    tags = {tag for tag, _ in Markup(page.html).elements}
    assert not {"form", "input", "button"} & tags
    assert languages.words("en")["closed.what_now"] in page.html
    assert "alice" not in page.html


def test_where_people_sign_in_first_the_form_waits_and_the_policy_lets_the_pool_be_asked() -> None:
    page = request_page(SIGN_IN, "alice@example.com", "en", STYLE)
    markup = Markup(page.html)
    assert markup.element("sign-in")["data-pool"] == SIGN_IN.pool
    assert markup.element("sign-in")["data-client"] == SIGN_IN.client
    assert "hidden" in markup.element("request")
    assert prefilled(page.html) == "alice@example.com"
    assert policy_of(dict(page.headers))["connect-src"] == f"'self' {SIGN_IN.pool}"


def test_where_all_may_ask_there_is_no_sign_in() -> None:
    page = request_page(OPEN, "", "en", STYLE)
    assert "sign-in" not in Markup(page.html).values("id")
    assert "hidden" not in Markup(page.html).element("request")


def test_the_page_of_a_stack_is_the_one_its_parameters_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUEST_ACCESS", SIGN_IN.access)
    monkeypatch.setenv("USER_POOL_DOMAIN", SIGN_IN.pool)
    monkeypatch.setenv("USER_POOL_CLIENT_ID", SIGN_IN.client)
    assert answer("show_page_generate")["body"] == request_page(SIGN_IN, "", "en", STYLE).html


def test_no_token_and_no_code_is_kept_or_read_but_by_the_sign_in() -> None:
    script = (PAGES / "sign_in.js").read_text("utf-8")
    assert re.findall(r"\b(?:local|session)Storage\.setItem\(([^)]*)\)", script) == [
        "WAY_BACK, JSON.stringify({ state, verifier, user: field.value }"
    ]
    assert "localStorage" not in script
    assert "document.cookie" not in script
    for path in set(PAGES.glob("*.js")) - {PAGES / "sign_in.js"}:
        assert "Storage" not in path.read_text("utf-8"), path.name
        assert "location.search" not in path.read_text("utf-8"), path.name
