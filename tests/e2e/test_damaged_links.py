"""What befalls a mailed link, in each engine: people reach a password unaided, and no scanner uses it up.

Each case is a cell of the matrix that the run prints at its end: how the person got there, and how many
presses it took.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Timer
from urllib.parse import quote

import httpx
import pytest

from latchkey import emails
from latchkey.domain.claims import Handle, MailedLink, generate_link_secret
from latchkey.domain.style import Style
from tests.e2e.browsers import Browser, open_chromium_tab, open_firefox_tab, open_webkit_tab
from tests.e2e.site import LOST, STAGE, Response, Site, serve

USER = "alice@example.com"
GONE = Response(410, {"error": "Invalid!", "message": "This link is expired or has been already used once"})

#: As a browser of 2021: without what came after Safari 15 and Firefox ESR 91 and a page might lean on.
WITHOUT_THE_NEW = """
delete AbortSignal.timeout;
delete AbortSignal.any;
for (const name of Object.getOwnPropertyNames(Element.prototype))
  if (name.startsWith("aria")) delete Element.prototype[name];
for (const [owner, ...names] of [
  [Element.prototype, "checkVisibility", "setHTML"],
  [SubmitEvent.prototype, "submitter"],
  [Array.prototype, "at", "findLast", "toSorted", "group"],
  [String.prototype, "at", "isWellFormed"],
  [Object, "hasOwn", "groupBy"],
  [Promise, "withResolvers"],
  [Navigator.prototype, "clipboard", "userActivation"],
  [crypto.constructor.prototype, "randomUUID"],
  [window, "structuredClone", "navigation", "reportError", "URLPattern"],
]) for (const name of names) delete owner[name];
"""
BROWSERS: dict[str, Callable[[], AbstractContextManager[Browser]]] = {
    "Chromium": open_chromium_tab,
    "Chromium as of 2021": partial(open_chromium_tab, before=WITHOUT_THE_NEW),
    "Firefox": open_firefox_tab,
    "WebKit": open_webkit_tab,
}

VIEW = "[...document.querySelectorAll('main > section')].find(each => !each.hidden)?.id"
LOADED = "document.readyState === 'complete'"
#: What a gateway's sandbox does with a page: it presses every button, by script.
PRESS_ALL = "[...document.querySelectorAll('button')].map(each => each.click()).length"


@dataclass
class Service:
    """The API behind the pages: of its links, the newest shows a password, once."""

    mails: list[str] = field(default_factory=list)
    #: Presses that reached it, by what came of them.
    took: list[str] = field(default_factory=list)
    #: What befalls the next answers on their way, or comes in their place.
    troubles: list[Response] = field(default_factory=list)
    _links: list[MailedLink] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)

    def mail(self, site: Site) -> None:
        """Send a mail with a new link; an older link ends."""
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        handle = Handle.of(USER, f"reset {len(self._links)}", expires_at)
        link = MailedLink("extract", str(handle), generate_link_secret())
        self._links.append(link)
        mail = emails.render(
            "claim_link",
            {"user": USER, **link.words(site.origin + STAGE), "expires_at": expires_at},
            "en",
            Style(language="en", zone="UTC"),
        )
        self.mails.append(mail.text)

    def __call__(self, route: str, body: dict[str, str]) -> Response:
        """Answer a POST."""
        if self.troubles and self.troubles[0] is not LOST:
            return self.troubles.pop(0)
        answer = self._ask(body) if route == "/generate" else self._claim(body)
        return self.troubles.pop(0) if self.troubles else answer

    def _ask(self, body: dict[str, str]) -> Response:
        self.took.append(f"request for {body['user']}")
        return Response(202)

    def _claim(self, body: dict[str, str]) -> Response:
        known = [link for link in self._links if (link.handle, link.secret) == (body["ph"], body["rs"])]
        if known != self._links[-1:] or known[0].secret in self._used:
            newer = {"Latchkey-Newer-Link-At": "2026-03-01T09:15:00Z"} if known != self._links[-1:] else {}
            self.took.append("410")
            return Response(410, GONE.body, newer if known else {})
        self._used.add(known[0].secret)
        self.took.append("password")
        return Response(200, {"password": self.password, "user": USER, "sign_in_url": "https://example.com"})

    @property
    def password(self) -> str:
        """What the newest link shows."""
        return f"x7<b>&amp;'Qh-0O1lI|{len(self._links)}"


@dataclass
class Case:
    """A person with a browser and a mailbox."""

    browser: Browser
    site: Site
    service: Service
    way: str = "by the link"

    def open(self, address: str) -> None:
        """Open a link, which a scanner fetched before, and whose page a script presses first."""
        for method in ("GET", "HEAD"):
            httpx.request(method, address, follow_redirects=True)
        self.browser.open(address)
        assert self.browser.evaluate(PRESS_ALL)

    def view(self, *expected: str) -> str:
        """Return the id of the view that is shown, once it is one of these."""
        return str(self.browser.wait_for(f"{LOADED} && {list(expected)}.includes({VIEW}) && {VIEW}"))

    def reload(self) -> None:
        """Load the page again, and wait until the old one is gone."""
        self.browser.evaluate("window.left = true")
        self.browser.evaluate("location.reload()")
        self.browser.wait_for(f"!window.left && {LOADED}")

    def newest_link(self) -> str:
        """Return the link of the last mail."""
        (link,) = re.findall(r"^http\S+$", self.service.mails[-1], re.MULTILINE)
        return str(link)

    def told(self, view: str) -> str:
        """Return what a view says."""
        self.view(view)
        return str(self.browser.evaluate(f"document.querySelector('#{view}').innerText"))

    def status(self) -> str:
        """Return what the page says of the last press, once there is an answer."""
        text = "document.querySelector('#status').textContent"
        waiting = "document.querySelector('main').dataset.wait"
        return str(self.browser.wait_for(f"{text} !== {waiting} && {text}"))

    def reveal(self) -> None:
        """Press Reveal; where the page says that the link was cut, paste the mail's code first."""
        if self.view("reveal", "cut") == "cut":
            (code,) = re.findall(r"^[\w-]{120,}$", self.service.mails[-1], re.MULTILINE)
            self.way = "by the code"
            self.browser.press("#code")
            self.browser.type(code)
            self.browser.press("#code-form button")
            self.view("reveal")
        self.browser.press("#reveal-button")

    def sees_the_password(self) -> None:
        self.view("revealed")
        assert (
            self.browser.evaluate("document.querySelector('#password').textContent") == self.service.password
        )
        assert "rs=" not in self.browser.evaluate("location.href")


@pytest.fixture(scope="module", params=BROWSERS)
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    with BROWSERS[request.param]() as running:
        running.name = request.param
        yield running


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve() as serving:
        yield serving


@pytest.fixture
def case(browser: Browser, site: Site) -> Case:
    site.service = Service()
    return Case(browser, site, site.service)


@pytest.fixture
def matrix(request: pytest.FixtureRequest, browser: Browser) -> Callable[[str, str], None]:
    """Note what a cell of the matrix says; `tests/conftest.py` prints it."""
    return lambda row, cell: request.node.user_properties.append(("matrix", (row, browser.name, cell)))


def parts(link: str) -> tuple[str, str]:
    page, _, fragment = link.partition("#")
    return page, fragment


MANGLINGS: dict[str, Callable[[str], str]] = {
    "untouched": str,
    "# and all behind it dropped": lambda link: parts(link)[0],
    "# as %23": lambda link: link.replace("#", "%23"),
    "# as %2523": lambda link: link.replace("#", "%2523"),
    "& as &amp;": lambda link: link.replace("&", "&amp;"),
    "all of it escaped": lambda link: f"{parts(link)[0]}{quote('#' + parts(link)[1], safe='')}",
    "all of it escaped twice": lambda link: f"{parts(link)[0]}#{quote(quote(parts(link)[1], safe=''))}",
    "cut at a line break": lambda link: link[: link.index("&rs=") + 20],
    "line break within": lambda link: link.replace("&rs=", "%0D%0A%20&rs="),
    "in another link": lambda link: (
        f"{link.partition(STAGE)[0]}/elsewhere?url={quote(link, safe='')}&data=05%7C02"
    ),
    "lengthened by a gateway": lambda link: f"{link}&data=05%7C02%7C&reserved=0",
    "full stop behind it": lambda link: f"{link}.",
    "bracket and quote behind it": lambda link: f"{link}%22%3E)",
    "slash before #": lambda link: link.replace("#", "/#"),
    "in small letters": str.lower,
    "quoted-printable": lambda link: link.replace("=", "=3D"),
}


@pytest.mark.parametrize("mangling", MANGLINGS)
def test_damaged_link_leads_to_the_password(
    case: Case, matrix: Callable[[str, str], None], mangling: str
) -> None:
    case.service.mail(case.site)
    case.open(MANGLINGS[mangling](case.newest_link()))
    assert case.service.took == [], "a scanner used the link"
    case.reveal()
    case.sees_the_password()
    assert case.service.took == ["password"]
    matrix(mangling, case.way)


def opened_twice(case: Case) -> None:
    case.browser.open(case.newest_link())
    case.open(case.newest_link())
    case.reveal()


def pressed_too_early(case: Case) -> None:
    case.service.troubles = [Response(503, {}, {"Retry-After": "2"})]
    case.open(case.newest_link())
    case.reveal()
    assert case.status() == "Not ready yet. Please try again in 2 seconds."
    case.reveal()


def slow_network(case: Case) -> None:
    case.site.open.clear()
    case.open(case.newest_link())
    case.reveal()
    case.browser.press("#reveal-button")
    Timer(0.5, case.site.open.set).start()


def ask_for_a_new_link(case: Case) -> None:
    case.browser.press("#lost a.button")
    case.view("request")
    case.browser.press("#user")
    case.browser.type(USER)
    case.browser.press("#send")
    case.view("submitted")
    case.service.mail(case.site)
    case.open(case.newest_link())
    case.reveal()


def answer_lost(case: Case) -> None:
    case.service.troubles = [LOST]
    case.open(case.newest_link())
    case.reveal()
    assert case.status().startswith("No answer from the service.")
    case.reveal()
    assert "Your press used the link up" in case.told("lost")
    ask_for_a_new_link(case)


def answer_lost_and_loaded_again(case: Case) -> None:
    case.service.troubles = [LOST]
    case.open(case.newest_link())
    case.reveal()
    assert case.status().startswith("No answer from the service.")
    case.reload()
    case.reveal()
    assert "Your press used the link up" in case.told("lost")
    ask_for_a_new_link(case)


def older_of_two_mails(case: Case) -> None:
    older = case.newest_link()
    case.service.mail(case.site)
    case.open(older)
    case.reveal()
    assert re.search(r"mailed on .*2026.*Please use that one", case.told("superseded"))
    case.open(case.newest_link())
    case.reveal()


MISHAPS: dict[str, tuple[Callable[[Case], None], list[str]]] = {
    "opened twice": (opened_twice, ["password"]),
    "pressed too early": (pressed_too_early, ["password"]),
    "slow network, pressed twice": (slow_network, ["password"]),
    "answer lost": (answer_lost, ["password", "410", f"request for {USER}", "password"]),
    "answer lost, page loaded again": (
        answer_lost_and_loaded_again,
        ["password", "410", f"request for {USER}", "password"],
    ),
    "older of two mails": (older_of_two_mails, ["410", "password"]),
}


@pytest.mark.parametrize("mishap", MISHAPS)
def test_mishap_ends_with_the_password(case: Case, matrix: Callable[[str, str], None], mishap: str) -> None:
    befall, took = MISHAPS[mishap]
    case.service.mail(case.site)
    befall(case)
    case.sees_the_password()
    assert case.service.took == took
    matrix(mishap, case.way)
