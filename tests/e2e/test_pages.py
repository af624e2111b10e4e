"""The two pages in Chromium: the real handler's answers to GET, scripted answers to POST, no cloud."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, override
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from reset.show_page import handler
from tests.e2e.browser import open_chromium

HERE = Path(__file__).parent
STAGE = "/dev"
PATIENCE_MS = 5_000

EXPIRY = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
HANDLE = f"0123456789abcdef.{int(EXPIRY.timestamp())}.{'0123456789abcdef' * 2}"
SECRET = "s3cr3t_" + "A" * 36
PASSWORD = "x7<b>&amp;'\"Qh-0O1lI|"
SIGN_IN_URL = "https://111122223333.signin.aws.amazon.com/console"
WCAG_21_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@dataclass(frozen=True)
class Answer:
    """What the API says to one POST."""

    status: int
    body: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)


ACCEPTED = Answer(202, {"message": "Your request has been submitted."})
FIELD_ERROR = Answer(400, {"error": "Bad request", "field": "user", "message": "This is not a user <name>."})
REVEALED = Answer(200, {"password": PASSWORD, "user": "alice@example.com", "sign_in_url": SIGN_IN_URL})
GONE = Answer(410, {"error": "Invalid!", "message": "This link is expired or has been already used once"})
NOT_READY = Answer(503, {"message": "Not ready yet"}, {"Retry-After": "3"})


@dataclass
class Site:
    """A loopback stand-in for API Gateway: gives POST the scripted answers and remembers what was posted."""

    origin: str
    answers: list[Answer] = field(default_factory=list)
    posts: list[tuple[str, Any]] = field(default_factory=list)
    open: Event = field(default_factory=Event)

    @property
    def request_url(self) -> str:
        return f"{self.origin}{STAGE}/generate"

    @property
    def reveal_url(self) -> str:
        return f"{self.origin}{STAGE}/extract"

    @property
    def link(self) -> str:
        return f"{self.reveal_url}#ph={HANDLE}&rs={SECRET}"

    def get(self, target: str) -> Answer | dict[str, Any]:
        url = urlsplit(target)
        resource = url.path.removeprefix(STAGE)
        if resource not in {"/generate", "/extract"}:
            return Answer(404, {})
        query = dict(parse_qsl(url.query)) or None
        return handler({"resource": resource, "httpMethod": "GET", "queryStringParameters": query}, None)

    def post(self, target: str, body: bytes) -> Answer:
        self.posts.append((target, json.loads(body)))
        self.open.wait(PATIENCE_MS / 1000)
        return self.answers.pop(0) if self.answers else Answer(500, {})


@contextmanager
def serve() -> Iterator[Site]:
    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(scripted.get(self.path))

        def do_POST(self) -> None:
            self.answer(scripted.post(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

        def answer(self, answer: Answer | dict[str, Any]) -> None:
            if isinstance(answer, Answer):
                answer = {
                    "statusCode": answer.status,
                    "headers": {"Content-Type": "application/json", **answer.headers},
                    "body": json.dumps(answer.body),
                }
            body = answer["body"].encode()
            self.send_response(answer["statusCode"])
            for name, value in {**answer["headers"], "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output to what failed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    scripted = Site(f"http://127.0.0.1:{server.server_port}")
    scripted.open.set()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield scripted
    finally:
        scripted.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the source of axe-core, at the version that package-lock.json pins."""
    source = HERE / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists():
        subprocess.run(["npm", "ci"], cwd=HERE, check=True, timeout=300)  # noqa: S607 - wherever npm is
    return source.read_text(encoding="utf-8")


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as serving:
        yield serving


def look(width: int = 1280, scheme: str = "light", **more: object) -> dict[str, Any]:
    return {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, **more}


@pytest.fixture
def context(browser: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """Open a fresh profile that may use the clipboard; its parameter chooses the person's device."""
    context = browser.new_context(**getattr(request, "param", look()))
    context.set_default_timeout(PATIENCE_MS)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.origin)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, site: Site) -> Iterator[Page]:
    """Open a tab in which nothing goes wrong unseen: no error, policy violation or request to others."""
    wrong: list[str] = []
    page = context.new_page()

    def note(message: ConsoleMessage) -> None:
        # The browser reports each answer above 399 itself, and the tests script those on purpose.
        if not message.text.startswith("Failed to load resource: "):
            wrong.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith((site.origin, "data:")) else wrong.append(request.url),
    )
    yield page
    assert wrong == []


def heading(page: Page, text: str) -> None:
    """Wait until the view with this heading is the one shown, and has the focus."""
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text(text)
    expect(title).to_be_focused()


def ask(page: Page, site: Site, *answers: Answer) -> None:
    site.answers.extend(answers)
    page.goto(site.request_url)
    page.get_by_label("Email address").fill("alice@example.com")
    page.get_by_role("button").click()


def open_link(
    page: Page, site: Site, *answers: Answer, at: datetime = EXPIRY - timedelta(minutes=42)
) -> None:
    site.answers.extend(answers)
    page.clock.set_fixed_time(at)
    page.goto(site.link)


def reveal(page: Page, site: Site, *answers: Answer) -> None:
    open_link(page, site, *answers)
    page.get_by_role("button", name="Reveal").click()


def show_request_form(page: Page, site: Site) -> None:
    page.goto(site.request_url)


def show_field_error(page: Page, site: Site) -> None:
    ask(page, site, FIELD_ERROR)
    expect(page.get_by_role("textbox")).to_be_focused()
    expect(page.get_by_text("This is not a user <name>.")).to_be_visible()


def show_throttled(page: Page, site: Site) -> None:
    ask(page, site, Answer(429, {}))
    expect(page.get_by_role("status")).to_contain_text("Too many requests")


def show_submitted(page: Page, site: Site) -> None:
    ask(page, site, ACCEPTED)
    heading(page, "Your request has been submitted")


def show_reveal_start(page: Page, site: Site) -> None:
    open_link(page, site)
    expect(page.get_by_role("button", name="Reveal")).to_be_visible()


def show_not_ready(page: Page, site: Site) -> None:
    reveal(page, site, NOT_READY)
    expect(page.get_by_role("status")).to_contain_text("not ready yet")


def show_revealed(page: Page, site: Site) -> None:
    reveal(page, site, REVEALED)
    heading(page, "Your temporary password")


def show_invalid(page: Page, site: Site) -> None:
    reveal(page, site, GONE)
    heading(page, "Invalid!")


VIEWS: dict[str, Callable[[Page, Site], None]] = {
    "request-form": show_request_form,
    "field-error": show_field_error,
    "throttled": show_throttled,
    "submitted": show_submitted,
    "reveal-start": show_reveal_start,
    "not-ready": show_not_ready,
    "revealed": show_revealed,
    "invalid": show_invalid,
}
LOOKS = {f"{scheme}-{width}": look(width, scheme) for scheme in ("light", "dark") for width in (320, 1280)}


class TestEveryView:
    """Whatever is shown, on whatever device."""

    @pytest.mark.parametrize("context", LOOKS.values(), ids=LOOKS.keys(), indirect=True)
    @pytest.mark.parametrize("view", VIEWS)
    def test_axe_finds_no_violation(self, page: Page, site: Site, axe: str, view: str) -> None:
        VIEWS[view](page, site)
        page.evaluate(axe)
        result = page.evaluate("tags => axe.run(document, {runOnly: tags})", WCAG_21_AA)
        assert result["passes"]
        assert [(rule["id"], rule["nodes"]) for rule in result["violations"]] == []

    @pytest.mark.parametrize("context", LOOKS.values(), ids=LOOKS.keys(), indirect=True)
    @pytest.mark.parametrize("view", VIEWS)
    def test_nothing_scrolls_sideways(self, page: Page, site: Site, view: str) -> None:
        VIEWS[view](page, site)
        scrolling = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert scrolling[0] <= scrolling[1]

    @pytest.mark.parametrize("context", [look(320)], indirect=True)
    def test_longest_password_and_user_wrap(self, page: Page, site: Site) -> None:
        reveal(page, site, Answer(200, REVEALED.body | {"password": "W" * 128, "user": "w" * 254}))
        heading(page, "Your temporary password")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    @pytest.mark.parametrize("context", [look(reduced_motion="reduce")], indirect=True)
    def test_nothing_moves_for_whoever_asked_for_less_motion(self, page: Page, site: Site) -> None:
        show_request_form(page, site)
        duration = "getComputedStyle(document.querySelector('button')).transitionDuration"
        assert page.evaluate(duration) == "0s"


class TestRequestPage:
    """GET /generate and the form on it."""

    def test_request_with_the_keyboard_alone(self, page: Page, site: Site) -> None:
        site.answers.append(ACCEPTED)
        page.goto(site.request_url)
        page.keyboard.press("Tab")
        page.keyboard.type("alice@example.com")
        page.keyboard.press("Enter")
        heading(page, "Your request has been submitted")
        expect(page.get_by_text("Please check your email for further details")).to_be_visible()
        assert site.posts == [(f"{STAGE}/generate", {"user": "alice@example.com"})]

    def test_user_of_the_query_is_filled_in_and_nothing_is_sent(self, page: Page, site: Site) -> None:
        page.goto(f"{site.request_url}?user=alice%2Breset@example.com", wait_until="networkidle")
        expect(page.get_by_label("Email address")).to_have_value("alice+reset@example.com")
        assert site.posts == []

    def test_user_of_the_query_is_not_sent_along_with_another(self, page: Page, site: Site) -> None:
        site.answers.append(ACCEPTED)
        page.goto(f"{site.request_url}?user=alice@example.com")
        page.get_by_label("Email address").fill("bob@example.com")
        page.get_by_role("button").click()
        heading(page, "Your request has been submitted")
        assert site.posts == [(f"{STAGE}/generate", {"user": "bob@example.com"})]

    def test_markup_in_the_query_is_inert(self, page: Page, site: Site) -> None:
        user = '"><script>window.ran = true</script><img src=x onerror="window.ran = true">'
        page.goto(f"{site.request_url}?user={quote(user)}", wait_until="networkidle")
        expect(page.get_by_label("Email address")).to_have_value(user)
        assert page.evaluate("window.ran") is None

    def test_empty_field_is_told_at_the_field_and_not_sent(self, page: Page, site: Site) -> None:
        page.goto(site.request_url)
        page.get_by_label("Email address").fill("  ")
        page.get_by_role("button").click()
        box = page.get_by_role("textbox")
        expect(box).to_be_focused()
        expect(box).to_have_accessible_description("Please enter your email address or user name.")
        assert site.posts == []

    def test_refused_user_is_told_at_the_field(self, page: Page, site: Site) -> None:
        ask(page, site, FIELD_ERROR)
        box = page.get_by_role("textbox")
        expect(box).to_be_focused()
        expect(box).to_have_attribute("aria-invalid", "true")
        expect(box).to_have_accessible_description("This is not a user <name>.")

    def test_complaint_goes_once_the_request_is_right(self, page: Page, site: Site) -> None:
        ask(page, site, FIELD_ERROR, Answer(429, {}))
        expect(page.get_by_text("This is not a user <name>.")).to_be_visible()
        page.get_by_role("button").click()
        expect(page.get_by_role("status")).to_contain_text("Too many requests")
        expect(page.get_by_role("textbox")).to_have_attribute("aria-invalid", "false")
        expect(page.get_by_role("textbox")).to_have_accessible_description("")

    @pytest.mark.parametrize(
        ("status", "sentence"),
        [
            (401, "You are not allowed to do this from here. Please ask your administrator."),
            (403, "You are not allowed to do this from here. Please ask your administrator."),
            (429, "Too many requests just now. Please wait a minute and try again."),
            (500, "Something went wrong on our side. Please try again in a few minutes."),
            (504, "Something went wrong on our side. Please try again in a few minutes."),
        ],
    )
    def test_failure_is_told_and_the_next_try_works(
        self, page: Page, site: Site, status: int, sentence: str
    ) -> None:
        ask(page, site, Answer(status, {"message": "Missing Authentication Token"}), ACCEPTED)
        expect(page.get_by_role("status")).to_have_text(sentence)
        page.get_by_role("button").click()
        heading(page, "Your request has been submitted")

    def test_lost_connection_is_told(self, page: Page, site: Site, context: BrowserContext) -> None:
        page.goto(site.request_url)
        page.get_by_label("Email address").fill("alice@example.com")
        context.set_offline(offline=True)
        page.get_by_role("button").click()
        expect(page.get_by_role("status")).to_contain_text("No answer from the service")

    def test_double_click_asks_once(self, page: Page, site: Site) -> None:
        site.open.clear()
        site.answers.append(ACCEPTED)
        page.goto(site.request_url)
        page.get_by_label("Email address").fill("alice@example.com")
        page.get_by_role("button").dblclick()
        site.open.set()
        heading(page, "Your request has been submitted")
        assert len(site.posts) == 1


class TestRevealPage:
    """GET /extract, with the handle and the secret in the fragment."""

    def test_reveal_and_copy_with_the_keyboard_alone(self, page: Page, site: Site) -> None:
        open_link(page, site, REVEALED)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        heading(page, "Your temporary password")
        expect(page.get_by_text("Please use this to login and change your password")).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Copied to the clipboard.")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Sign in")).to_be_focused()
        page.goto(site.request_url)
        page.keyboard.press("Tab")
        page.keyboard.press("Control+V")
        expect(page.get_by_role("textbox")).to_have_value(PASSWORD)

    def test_reveal_posts_what_the_fragment_says(self, page: Page, site: Site) -> None:
        show_revealed(page, site)
        assert site.posts == [(f"{STAGE}/extract", {"ph": HANDLE, "rs": SECRET})]

    def test_user_and_password_are_shown_as_they_are(self, page: Page, site: Site) -> None:
        show_revealed(page, site)
        assert page.get_by_role("definition").all_text_contents() == ["alice@example.com", PASSWORD]
        expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", SIGN_IN_URL)

    def test_opening_the_link_sends_nothing(self, page: Page, site: Site) -> None:
        show_reveal_start(page, site)
        page.wait_for_load_state("networkidle")
        assert site.posts == []

    def test_values_in_the_query_are_ignored(self, page: Page, site: Site) -> None:
        site.answers.append(REVEALED)
        page.goto(f"{site.reveal_url}?ph={HANDLE}&rs={SECRET}", wait_until="networkidle")
        heading(page, "Invalid!")
        assert site.posts == []

    @pytest.mark.parametrize("fragment", ["", "#", "#ph=", f"#ph={HANDLE}", f"#rs={SECRET}", "#%"])
    def test_link_without_both_values_is_invalid(self, page: Page, site: Site, fragment: str) -> None:
        page.goto(site.reveal_url + fragment)
        heading(page, "Invalid!")
        assert site.posts == []

    @pytest.mark.parametrize("answer", [GONE, Answer(400, {"error": "Bad request", "field": "ph"})])
    def test_used_or_malformed_link_is_invalid_and_leads_to_a_new_one(
        self, page: Page, site: Site, answer: Answer
    ) -> None:
        reveal(page, site, answer)
        heading(page, "Invalid!")
        expect(page.get_by_text("This link is expired or has been already used once")).to_be_visible()
        page.get_by_role("link", name="Ask for a new link").click()
        expect(page).to_have_url(site.request_url)

    @pytest.mark.parametrize("answer", [REVEALED, GONE], ids=["revealed", "invalid"])
    def test_fragment_is_gone_after_use(self, page: Page, site: Site, answer: Answer) -> None:
        page.goto(site.request_url)
        reveal(page, site, answer)
        expect(page).to_have_url(site.reveal_url)
        page.goto(site.request_url)
        page.go_back()
        expect(page).to_have_url(site.reveal_url)
        heading(page, "Invalid!")

    def test_password_is_nowhere_but_in_its_text(
        self, page: Page, site: Site, context: BrowserContext
    ) -> None:
        password = "Distinct-Passw0rd"
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        reveal(page, site, Answer(200, REVEALED.body | {"password": password}))
        heading(page, "Your temporary password")
        everything = page.evaluate(
            "JSON.stringify([document.documentElement.outerHTML, {...localStorage}, {...sessionStorage}, "
            "history.state, location.href, document.title, window.name])"
        )
        assert everything.count(password) == 1
        assert context.cookies() == []
        assert said == []

    def test_password_is_forgotten_when_the_page_is_left(self, page: Page, site: Site) -> None:
        show_revealed(page, site)
        page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
        assert PASSWORD not in (page.locator("#password").text_content() or "")
        expect(page.get_by_role("heading")).to_have_text("Invalid!")

    def test_link_that_is_not_ready_can_be_tried_again(self, page: Page, site: Site) -> None:
        reveal(page, site, NOT_READY, REVEALED)
        expect(page.get_by_role("status")).to_have_text(
            "Your password is not ready yet. Please try again in 3 seconds."
        )
        expect(page).to_have_url(site.link)
        page.get_by_role("button", name="Reveal").click()
        heading(page, "Your temporary password")

    def test_not_ready_without_a_time_still_says_what_to_do(self, page: Page, site: Site) -> None:
        reveal(page, site, Answer(503, {}))
        expect(page.get_by_role("status")).to_contain_text("Please try again in a moment.")

    def test_failure_keeps_the_link_for_another_try(self, page: Page, site: Site) -> None:
        reveal(page, site, Answer(502, {"message": "Internal server error"}), REVEALED)
        expect(page.get_by_role("status")).to_contain_text("Something went wrong on our side.")
        page.get_by_role("button", name="Reveal").click()
        heading(page, "Your temporary password")

    def test_double_click_reveals_once(self, page: Page, site: Site) -> None:
        site.open.clear()
        open_link(page, site, REVEALED)
        page.get_by_role("button", name="Reveal").dblclick()
        site.open.set()
        heading(page, "Your temporary password")
        assert len(site.posts) == 1

    def test_second_link_in_the_same_tab_is_a_fresh_start(self, page: Page, site: Site) -> None:
        show_invalid(page, site)
        page.evaluate("link => { location.href = link }", site.link)
        expect(page.get_by_role("button", name="Reveal")).to_be_visible()

    def test_refused_clipboard_leaves_the_password_selected(
        self, page: Page, site: Site, context: BrowserContext
    ) -> None:
        show_revealed(page, site)
        context.clear_permissions()
        page.evaluate("() => { navigator.clipboard.writeText = async () => { throw new Error() } }")
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("status")).to_contain_text("copy it by hand")
        assert page.evaluate("String(getSelection())") == PASSWORD

    @pytest.mark.parametrize(
        ("left", "sentence"),
        [
            (timedelta(hours=23, minutes=59), "This link is valid for another 23 hours."),
            (timedelta(minutes=59, seconds=59), "This link is valid for another 59 minutes."),
            (timedelta(seconds=90), "This link is valid for another 90 seconds."),
            (timedelta(seconds=1), "This link is valid for another 1 second."),
            (timedelta(seconds=-1), "By the clock of this device, the link has expired."),
            # No link lives longer than a day: a clock this wrong has nothing to tell.
            (timedelta(days=400), ""),
        ],
    )
    def test_time_left_is_shown(self, page: Page, site: Site, left: timedelta, sentence: str) -> None:
        open_link(page, site, at=EXPIRY - left)
        expect(page.locator("#time-left")).to_have_text(sentence)

    def test_time_left_goes_down(self, page: Page, site: Site) -> None:
        page.clock.install(time=EXPIRY - timedelta(seconds=61))
        page.goto(site.link)
        page.clock.run_for(20_000)
        expect(page.locator("#time-left")).to_contain_text("another 4")

    def test_wrong_clock_does_not_keep_anyone_from_revealing(self, page: Page, site: Site) -> None:
        open_link(page, site, REVEALED, at=EXPIRY + timedelta(days=1))
        page.get_by_role("button", name="Reveal").click()
        heading(page, "Your temporary password")

    @pytest.mark.parametrize("handle", ["x", "a.b.c", "a.NaN.c"])
    def test_handle_without_an_expiry_shows_no_time(self, page: Page, site: Site, handle: str) -> None:
        page.goto(f"{site.reveal_url}#ph={handle}&rs={SECRET}")
        expect(page.get_by_role("button", name="Reveal")).to_be_visible()
        expect(page.locator("#time-left")).to_be_hidden()
