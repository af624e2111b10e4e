"""The pages in Chromium: the real handler's answers to GET, scripted answers to POST, no cloud."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from latchkey import languages
from latchkey.version import VERSION
from tests.e2e.browser import faults, open_chromium
from tests.e2e.site import LOST, STAGE, Response, Site, serve
from tests.unit import pseudo

HERE = Path(__file__).parent

EXPIRY = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
HANDLE = f"{'fedcba9876543210' * 2}.{int(EXPIRY.timestamp())}.{'0123456789abcdef' * 2}"
SECRET = "s3cr3t_" + "A" * 36
PASSWORD = "x7<b>&amp;'\"Qh-0O1lI|"
SIGN_IN_URL = "https://111122223333.signin.aws.amazon.com/console"


ACCEPTED = Response(202, {"message": "Your request has been submitted."})
FIELD_ERROR = Response(
    400, {"error": "Bad request", "field": "user", "message": "This is not a user <name>."}
)
REVEALED = Response(200, {"password": PASSWORD, "user": "alice@example.com", "sign_in_url": SIGN_IN_URL})
GONE = Response(410, {"error": "Invalid!", "message": "This link is expired or has been already used once"})
SUPERSEDED = replace(GONE, headers={"Latchkey-Newer-Link-At": "2026-03-01T09:15:00Z"})
NOTED = Response(200, {"message": "Your answer has been noted."})
REVOKED = Response(200, {"message": "The password has been revoked."})
NOT_READY = Response(503, {"message": "Not ready yet"}, {"Retry-After": "3"})


@dataclass(frozen=True)
class Linked:
    """What a mailed link leads to: one button, what it posts, and what follows."""

    route: str
    start: str
    button: str
    answer: Response
    end: str
    fields: dict[str, str] = field(default_factory=dict)
    #: Where the button's press goes, if not to the page's own route.
    answered_by: str = ""

    @property
    def path(self) -> str:
        return STAGE + self.route

    @property
    def post(self) -> tuple[str, dict[str, str]]:
        return STAGE + (self.answered_by or self.route), {"ph": HANDLE, "rs": SECRET, **self.fields}


REVEAL = Linked("/extract", "Reveal your temporary password", "Reveal", REVEALED, "Your temporary password")
YES = Linked(
    "/confirm",
    "Did you ask for a new password?",
    "Yes, reset my password",
    NOTED,
    "A link is on its way",
    {"answer": "yes"},
)
NO = replace(YES, button="This was not me", end="Nothing has been changed", fields={"answer": "no"})
REVOKE = Linked(
    "/revoke",
    "Did someone else see your password?",
    "This was not me",
    REVOKED,
    "The password has been revoked",
)
UNLOCK = Linked(
    "/unlock",
    "Did you ask to unlock your account?",
    "Yes, unlock my account",
    NOTED,
    "Your account is being unlocked",
    {"answer": "yes"},
    answered_by="/confirm",
)
LINKED = {"reveal": REVEAL, "yes": YES, "no": NO, "revoke": REVOKE, "unlock": UNLOCK}
LINKED_PAGES = {"reveal": REVEAL, "confirm": YES, "revoke": REVOKE, "unlock": UNLOCK}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    with serve() as serving:
        yield serving


@pytest.fixture
def site(server: Site) -> Site:
    """Return the site as no test has touched it."""
    server.reset()
    return server


def look(width: int = 1280, **more: object) -> dict[str, Any]:
    return {"viewport": {"width": width, "height": 800}, **more}


@pytest.fixture
def context(browser: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """Open a fresh profile that may use the clipboard; its parameter chooses the person's device."""
    context = browser.new_context(**getattr(request, "param", look()))
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.origin)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, site: Site) -> Iterator[Page]:
    """Open a tab that fails the test on any error, policy violation or request to another site."""
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


def url_of(site: Site, linked: Linked, fragment: str = f"#ph={HANDLE}&rs={SECRET}") -> str:
    return f"{site.origin}{linked.path}{fragment}"


CUT = "Part of the link is missing"

type View = Callable[[Page, Site], None]


def heading(page: Page, text: str) -> None:
    """Wait until the view with this heading is the one shown, and has the focus."""
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text(bracketed_or_not(text))
    expect(title).to_be_focused()


def bracketed_or_not(text: str) -> re.Pattern[str]:
    """Match a text in English, and in the language of brackets."""
    return re.compile(f"^⟦?{re.escape(text)}⟧?$")


def ask(page: Page, site: Site, *answers: Response) -> None:
    site.answers.extend(answers)
    page.goto(site.request_url)
    page.get_by_label("Email address").fill("alice@example.com")
    page.get_by_role("button").click()


def open_link(
    page: Page,
    site: Site,
    linked: Linked,
    *answers: Response,
    at: datetime = EXPIRY - timedelta(minutes=42),
) -> None:
    site.answers.extend(answers)
    page.clock.set_fixed_time(at)
    page.goto(url_of(site, linked))


def button_of(page: Page, linked: Linked) -> Locator:
    return page.get_by_role("button", name=linked.button)


def press(page: Page, site: Site, linked: Linked, *answers: Response) -> None:
    open_link(page, site, linked, *answers)
    button_of(page, linked).click()


@contextmanager
def answers_held(page: Page, site: Site) -> Iterator[list[Request]]:
    """Answer no POST meanwhile, and list what the browser sends, arrived or not."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    site.open.clear()
    yield sent
    site.open.set()


def show_request_form(page: Page, site: Site) -> None:
    page.goto(site.request_url)


def show_field_error(page: Page, site: Site) -> None:
    ask(page, site, FIELD_ERROR)
    expect(page.get_by_role("textbox")).to_be_focused()
    expect(page.get_by_text("Please check what you entered.")).to_be_visible()


def show_throttled(page: Page, site: Site) -> None:
    ask(page, site, Response(429, {}))
    expect(page.get_by_role("status")).to_contain_text("Too many requests")


def show_submitted(page: Page, site: Site) -> None:
    ask(page, site, ACCEPTED)
    heading(page, "Your request has been submitted")


def show_start(linked: Linked) -> View:
    def show(page: Page, site: Site) -> None:
        open_link(page, site, linked)
        expect(page.get_by_role("heading")).to_have_text(bracketed_or_not(linked.start))

    return show


def show_not_ready(linked: Linked) -> View:
    def show(page: Page, site: Site) -> None:
        press(page, site, linked, NOT_READY)
        expect(page.get_by_role("status")).to_contain_text("Not ready yet.")

    return show


def show_end(linked: Linked) -> View:
    def show(page: Page, site: Site) -> None:
        press(page, site, linked, linked.answer)
        heading(page, linked.end)

    return show


def show_invalid(linked: Linked) -> View:
    def show(page: Page, site: Site) -> None:
        press(page, site, linked, GONE)
        heading(page, "Invalid!")

    return show


def show_pressed_by_script(page: Page, site: Site) -> None:
    open_link(page, site, REVEAL)
    page.evaluate("document.querySelectorAll('button').forEach((each) => each.click())")
    expect(page.get_by_role("status").first).to_have_text(re.compile("."))


def show_cut(linked: Linked) -> View:
    def show(page: Page, site: Site) -> None:
        page.goto(url_of(site, linked, ""))
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("This is not the whole code.")).to_be_visible()

    return show


def show_lost(page: Page, site: Site) -> None:
    press(page, site, REVEAL, LOST, GONE)
    expect(page.get_by_role("status")).to_contain_text("No answer")
    button_of(page, REVEAL).click()
    heading(page, "The answer got lost")


def show_superseded(page: Page, site: Site) -> None:
    press(page, site, REVEAL, SUPERSEDED)
    heading(page, "A newer link was mailed to you")


VIEWS: dict[str, View] = {
    "request-form": show_request_form,
    "field-error": show_field_error,
    "throttled": show_throttled,
    "submitted": show_submitted,
    "reveal-start": show_start(REVEAL),
    "not-ready": show_not_ready(REVEAL),
    "revealed": show_end(REVEAL),
    "invalid": show_invalid(REVEAL),
    "lost": show_lost,
    "superseded": show_superseded,
    "cut": show_cut(REVEAL),
    "pressed-by-script": show_pressed_by_script,
    "question": show_start(YES),
    "confirm-not-ready": show_not_ready(YES),
    "confirmed": show_end(YES),
    "declined": show_end(NO),
    "confirm-invalid": show_invalid(YES),
    "confirm-cut": show_cut(YES),
    "unlock-question": show_start(UNLOCK),
    "unlock-confirmed": show_end(UNLOCK),
    "revoke-question": show_start(REVOKE),
    "revoke-not-ready": show_not_ready(REVOKE),
    "revoked": show_end(REVOKE),
    "revoke-invalid": show_invalid(REVOKE),
    "revoke-cut": show_cut(REVOKE),
}


class TestEveryView:
    """Every view, on every device."""

    # One visit for all devices. Without motion, so that no colour is on its way to another when axe looks.
    @pytest.mark.parametrize("context", [look(reduced_motion="reduce")], indirect=True)
    @pytest.mark.parametrize("view", VIEWS)
    def test_axe_finds_no_violation_and_nothing_scrolls_sideways(
        self, page: Page, site: Site, view: str
    ) -> None:
        VIEWS[view](page, site)
        assert faults(page) == []

    @pytest.mark.parametrize("context", [look(320)], indirect=True)
    def test_longest_password_and_user_wrap(self, page: Page, site: Site) -> None:
        long = Response(200, REVEALED.body | {"password": "W" * 128, "user": "w" * 254})
        press(page, site, REVEAL, long)
        heading(page, "Your temporary password")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    @pytest.mark.parametrize("context", [look(reduced_motion="reduce")], indirect=True)
    def test_nothing_moves_where_less_motion_is_preferred(self, page: Page, site: Site) -> None:
        show_request_form(page, site)
        duration = "getComputedStyle(document.querySelector('button')).transitionDuration"
        assert page.evaluate(duration) == "0s"


#: Shows all views of a page at once, with a sentence wherever the script would say one.
SHOW_ALL = """() => {
  const words = document.querySelector("main").dataset;
  for (const section of document.querySelectorAll("section")) section.hidden = false;
  for (const said of document.querySelectorAll("[role=status], [role=timer], .problem:empty")) {
    said.textContent = words.copyByHand;
  }
}"""
#: Views in which the script has its say; the others' texts are looked at without a browser.
SPOKEN = ("field-error", "throttled", "reveal-start", "not-ready", "revealed", "cut", "pressed-by-script")
OTHER_LANGUAGES = sorted(languages.available() - {"en"})


class TestEveryLanguage:
    """Every page in every language, with all of its views at once."""

    @pytest.mark.parametrize(
        "context",
        [look(reduced_motion="reduce", locale=tag) for tag in OTHER_LANGUAGES],
        indirect=True,
        ids=OTHER_LANGUAGES,
    )
    def test_axe_finds_no_violation_and_nothing_scrolls_sideways(self, page: Page, site: Site) -> None:
        for address in (site.request_url, *(url_of(site, linked) for linked in LINKED_PAGES.values())):
            page.goto(address)
            page.evaluate(SHOW_ALL)
            assert faults(page) == [], address

    @pytest.mark.parametrize("context", [look(locale="ar")], indirect=True)
    def test_arabic_goes_from_right_to_left_and_a_user_name_does_not(self, page: Page, site: Site) -> None:
        site.answers.append(Response(200, REVEALED.body | {"user": "alice_(ops)"}))
        page.clock.set_fixed_time(EXPIRY - timedelta(minutes=42))
        page.goto(url_of(site, REVEAL))
        assert page.evaluate("getComputedStyle(document.body).direction") == "rtl"
        expect(page.locator("#time-left")).to_contain_text("42 دقيقة")
        page.get_by_role("button", name=languages.words("ar")["reveal.button"], exact=True).click()
        heading(page, languages.words("ar")["reveal.revealed"])
        assert page.evaluate("getComputedStyle(document.querySelector('#user')).direction") == "ltr"
        assert page.evaluate("getComputedStyle(document.querySelector('#password')).direction") == "ltr"

    @pytest.mark.parametrize("context", [look(locale=pseudo.TAG)], indirect=True)
    @pytest.mark.parametrize("view", SPOKEN)
    def test_no_view_says_a_word_that_is_not_translated(
        self, page: Page, site: Site, tmp_path: Path, view: str
    ) -> None:
        with pseudo.spoken(tmp_path):
            VIEWS[view](page, site)
        text = page.evaluate("document.title + '\\n' + document.body.innerText")
        given = (
            rf"Latchkey {re.escape(VERSION)}|Latchkey|{re.escape(PASSWORD)}|alice@example.com|\d+ (s|min)\b"
        )
        assert not re.search(r"\w", re.sub(given, "", pseudo.bare(text)))


@pytest.mark.parametrize("path", ["generate", "extract", "confirm", "revoke"])
class TestWithoutItsScript:
    """What a page says where its script does not run."""

    SENTENCE = "This page needs JavaScript and a browser from 2021 or later."

    @pytest.mark.parametrize("context", [look(java_script_enabled=False)], indirect=True)
    def test_a_page_says_what_to_do_where_scripts_are_off(self, page: Page, site: Site, path: str) -> None:
        page.goto(f"{site.origin}{STAGE}/{path}")
        expect(page.get_by_text(self.SENTENCE)).to_be_visible()

    def test_a_page_says_what_to_do_where_the_browser_cannot_read_its_script(
        self, page: Page, site: Site, path: str
    ) -> None:
        site.rewrite = lambda html: html.replace('type="module"', 'type="younger-than-this-browser"')
        page.goto(f"{site.origin}{STAGE}/{path}")
        expect(page.get_by_text(self.SENTENCE)).to_be_visible()

    def test_a_page_whose_script_runs_says_nothing_of_it(self, page: Page, site: Site, path: str) -> None:
        page.goto(f"{site.origin}{STAGE}/{path}")
        expect(page.locator("#without-script")).to_have_count(0)


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

    @pytest.mark.parametrize(
        ("label", "sent"),
        [
            ("The AWS console's", {"account": "aws"}),
            ("Windows and company sign-in", {"account": "directory"}),
            ("my Windows account is locked", {"account": "directory", "wish": "unlock"}),
        ],
        ids=["aws", "directory", "unlock"],
    )
    def test_the_account_that_is_chosen_is_sent(
        self, page: Page, site: Site, monkeypatch: pytest.MonkeyPatch, label: str, sent: dict[str, str]
    ) -> None:
        monkeypatch.setenv("RESETS_DIRECTORY_USERS", "true")
        site.answers.append(ACCEPTED)
        page.goto(f"{site.request_url}?user=dana")
        page.get_by_label(label).check()
        page.get_by_role("button").click()
        heading(page, "Your request has been submitted")
        assert site.posts == [(f"{STAGE}/generate", {"user": "dana", **sent})]

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
        expect(box).to_have_accessible_description("Please check what you entered.")

    def test_complaint_goes_once_the_request_is_right(self, page: Page, site: Site) -> None:
        ask(page, site, FIELD_ERROR, Response(429, {}))
        expect(page.get_by_text("Please check what you entered.")).to_be_visible()
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
            (500, "Too many requests just now. Please wait a minute and try again."),
            (504, "Something went wrong on our side. Please try again in a few minutes."),
        ],
    )
    def test_failure_is_told_and_the_next_try_works(
        self, page: Page, site: Site, status: int, sentence: str
    ) -> None:
        ask(page, site, Response(status, {"message": "Missing Authentication Token"}), ACCEPTED)
        expect(page.get_by_role("status")).to_have_text(sentence)
        page.get_by_role("button").click()
        heading(page, "Your request has been submitted")

    def test_lost_connection_is_told(self, page: Page, site: Site, context: BrowserContext) -> None:
        page.goto(site.request_url)
        page.get_by_label("Email address").fill("alice@example.com")
        context.set_offline(offline=True)
        page.get_by_role("button").click()
        expect(page.get_by_role("status")).to_contain_text("No answer from the service")

    def test_press_by_script_sends_nothing(self, page: Page, site: Site) -> None:
        page.goto(f"{site.request_url}?user=alice@example.com")
        page.evaluate(
            "document.querySelector('#send').click(); document.querySelector('form').requestSubmit()"
        )
        expect(page.get_by_role("status")).to_have_text(
            "A program pressed this button. Please press it yourself."
        )
        page.get_by_role("textbox").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Something went wrong")
        assert site.posts == [(f"{STAGE}/generate", {"user": "alice@example.com"})]

    def test_double_click_asks_once(self, page: Page, site: Site) -> None:
        site.answers.append(ACCEPTED)
        page.goto(site.request_url)
        page.get_by_label("Email address").fill("alice@example.com")
        with answers_held(page, site) as sent:
            page.get_by_role("button").dblclick()
        heading(page, "Your request has been submitted")
        assert len(sent) == 1


@pytest.mark.parametrize("linked", LINKED.values(), ids=LINKED)
class TestEveryLink:
    """What holds for each button that a mailed link leads to."""

    def test_press_posts_what_the_fragment_says(self, page: Page, site: Site, linked: Linked) -> None:
        show_end(linked)(page, site)
        assert site.posts == [linked.post]

    def test_double_click_sends_once(self, page: Page, site: Site, linked: Linked) -> None:
        open_link(page, site, linked, linked.answer)
        with answers_held(page, site) as sent:
            button_of(page, linked).dblclick()
        heading(page, linked.end)
        assert len(sent) == 1

    def test_press_by_script_sends_nothing(self, page: Page, site: Site, linked: Linked) -> None:
        open_link(page, site, linked, linked.answer)
        page.evaluate(
            "for (const button of document.querySelectorAll('button')) {"
            "  button.click(); button.dispatchEvent(new MouseEvent('click', {bubbles: true})); }"
        )
        status = page.get_by_role("status").first
        expect(status).to_have_text("A program pressed this button. Please press it yourself.")
        assert site.posts == []
        button_of(page, linked).click()
        heading(page, linked.end)
        assert site.posts == [linked.post]

    def test_answer_that_is_lost_has_counted(self, page: Page, site: Site, linked: Linked) -> None:
        lost = "The answer got lost" if linked is REVEAL else linked.end
        press(page, site, linked, LOST, GONE)
        expect(page.get_by_role("status")).to_contain_text("No answer from the service.")
        page.reload()
        button_of(page, linked).click()
        heading(page, lost)
        expect(page).to_have_url(url_of(site, linked, ""))
        assert site.posts == [linked.post, linked.post]

    def test_answer_that_is_lost_does_not_hide_that_the_link_expired(
        self, page: Page, site: Site, linked: Linked
    ) -> None:
        press(page, site, linked, LOST, GONE)
        expect(page.get_by_role("status")).to_contain_text("No answer from the service.")
        page.clock.set_fixed_time(EXPIRY + timedelta(minutes=1))
        button_of(page, linked).click()
        heading(page, "Invalid!")

    def test_failure_is_told_and_the_next_try_works(
        self, page: Page, site: Site, context: BrowserContext, linked: Linked
    ) -> None:
        status = page.get_by_role("status")
        open_link(page, site, linked)
        context.set_offline(offline=True)
        button_of(page, linked).click()
        expect(status).to_contain_text("No answer from the service.")
        context.set_offline(offline=False)
        for answer, sentence in (
            (Response(429, {}), "Too many requests just now."),
            (Response(500, {"message": "Internal server error"}), "Too many requests just now."),
            (Response(500, {"error": "Internal error", "message": "-"}), "Something went wrong on our side."),
            (NOT_READY, "Not ready yet. Please try again in 3 seconds."),
        ):
            site.answers.append(answer)
            button_of(page, linked).click()
            expect(status).to_contain_text(sentence)
            expect(page).to_have_url(url_of(site, linked))
        site.answers.append(linked.answer)
        button_of(page, linked).click()
        heading(page, linked.end)

    @pytest.mark.parametrize("answer", [GONE, Response(400, {"error": "Bad request", "field": "ph"})])
    def test_used_or_malformed_link_is_invalid(
        self, page: Page, site: Site, linked: Linked, answer: Response
    ) -> None:
        press(page, site, linked, answer)
        heading(page, "Invalid!")
        expect(page.get_by_text("This link is expired or has been already used once")).to_be_visible()
        expect(page).to_have_url(url_of(site, linked, ""))

    def test_fragment_is_gone_after_use(self, page: Page, site: Site, linked: Linked) -> None:
        page.goto(site.request_url)
        show_end(linked)(page, site)
        expect(page).to_have_url(url_of(site, linked, ""))
        page.goto(site.request_url)
        page.go_back()
        expect(page).to_have_url(url_of(site, linked, ""))
        heading(page, "Invalid!")

    def test_second_link_in_the_same_tab_is_a_fresh_start(
        self, page: Page, site: Site, linked: Linked
    ) -> None:
        show_end(linked)(page, site)
        site.answers.append(linked.answer)
        second = f"{HANDLE[:-1]}0"
        page.evaluate("link => { location.href = link }", url_of(site, linked, f"#ph={second}&rs={SECRET}"))
        button_of(page, linked).click()
        heading(page, linked.end)
        assert [body["ph"] for _, body in site.posts] == [HANDLE, second]


@pytest.mark.parametrize("linked", LINKED_PAGES.values(), ids=LINKED_PAGES)
class TestEveryLinkedPage:
    """What holds for each page behind a mailed link, whichever button is pressed."""

    def test_opening_the_link_sends_nothing(self, page: Page, site: Site, linked: Linked) -> None:
        show_start(linked)(page, site)
        page.wait_for_load_state("networkidle")
        assert site.posts == []

    def test_values_in_the_query_are_ignored(self, page: Page, site: Site, linked: Linked) -> None:
        site.answers.append(linked.answer)
        page.goto(url_of(site, linked, f"?ph={HANDLE}&rs={SECRET}&answer=yes"), wait_until="networkidle")
        heading(page, CUT)
        expect(page).to_have_url(url_of(site, linked, ""))
        assert site.posts == []

    def test_cut_link_takes_the_mails_code_instead(self, page: Page, site: Site, linked: Linked) -> None:
        page.goto(url_of(site, linked, f"#ph={HANDLE}"))
        heading(page, CUT)
        expect(page.get_by_text("Nothing has been used up")).to_be_visible()
        expect(page).to_have_url(url_of(site, linked, ""))
        assert site.posts == []
        page.keyboard.press("Tab")
        page.keyboard.insert_text(f"{linked.route[1:]}{HANDLE}{SECRET}".replace(".", ""))
        page.keyboard.press("Enter")
        site.answers.append(linked.answer)
        button_of(page, linked).click()
        heading(page, linked.end)
        assert site.posts == [linked.post]

    def test_page_finds_itself_below_any_address(self, page: Page, site: Site, linked: Linked) -> None:
        site.answers.append(linked.answer)
        proxy = "/confirm-or-revoke"
        page.goto(f"{site.origin}{proxy}{linked.path}%23ph={HANDLE}&rs={SECRET}")
        button_of(page, linked).click()
        heading(page, linked.end)
        assert site.posts == [(proxy + linked.post[0], linked.post[1])]

    @pytest.mark.parametrize("pasted", ["", f"extract{HANDLE}", "https://reset.example.com/dev/extract"])
    def test_half_a_code_is_told_at_the_field(
        self, page: Page, site: Site, linked: Linked, pasted: str
    ) -> None:
        page.goto(url_of(site, linked, ""))
        box = page.get_by_label("Code from the mail")
        box.fill(pasted)
        page.get_by_role("button", name="Continue").click()
        expect(box).to_be_focused()
        expect(box).to_have_accessible_description(
            "This is not the whole code. Please copy all of it from the mail."
        )
        assert site.posts == []

    def test_code_of_another_mail_leads_to_its_page(self, page: Page, site: Site, linked: Linked) -> None:
        other = YES if linked is REVEAL else REVEAL
        page.goto(url_of(site, linked, ""))
        page.get_by_label("Code from the mail").fill(url_of(site, other))
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading")).to_have_text(other.start)


class TestRevealPage:
    """GET /extract, with the handle and the secret in the fragment."""

    @pytest.mark.parametrize(
        "fragment",
        [
            "",
            "#ph=",
            f"#rs={SECRET}",
            f"#ph={HANDLE}&rs={SECRET[:-1]}",
            f"#ph={HANDLE}&rs={SECRET.lower()}",
            f"#ph=x&rs={SECRET}",
            f"#ph=a.NaN.c&rs={SECRET}",
            "#%",
        ],
    )
    def test_what_is_no_whole_link_is_told_and_sent_nowhere(
        self, page: Page, site: Site, fragment: str
    ) -> None:
        page.goto(url_of(site, REVEAL, fragment))
        heading(page, CUT)
        expect(page).to_have_url(url_of(site, REVEAL, ""))
        assert site.posts == []

    def test_reveal_and_copy_with_the_keyboard_alone(self, page: Page, site: Site) -> None:
        open_link(page, site, REVEAL, REVEALED)
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

    def test_user_and_password_are_shown_as_they_are(self, page: Page, site: Site) -> None:
        show_end(REVEAL)(page, site)
        assert page.get_by_role("definition").all_text_contents() == ["alice@example.com", PASSWORD]
        expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", SIGN_IN_URL)

    def test_invalid_link_leads_to_a_new_one(self, page: Page, site: Site) -> None:
        show_invalid(REVEAL)(page, site)
        page.get_by_role("link", name="Ask for a new link").click()
        expect(page).to_have_url(site.request_url)

    def test_password_is_nowhere_but_in_its_text(
        self, page: Page, site: Site, context: BrowserContext
    ) -> None:
        password = "Distinct-Passw0rd"
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        press(page, site, REVEAL, Response(200, REVEALED.body | {"password": password}))
        heading(page, "Your temporary password")
        everything = page.evaluate(
            "JSON.stringify([document.documentElement.outerHTML, {...localStorage}, {...sessionStorage}, "
            "history.state, location.href, document.title, window.name])"
        )
        assert everything.count(password) == 1
        assert context.cookies() == []
        assert said == []

    def test_password_is_forgotten_when_the_page_is_left(self, page: Page, site: Site) -> None:
        show_end(REVEAL)(page, site)
        page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
        assert PASSWORD not in (page.locator("#password").text_content() or "")
        expect(page.get_by_role("heading")).to_have_text("Invalid!")

    def test_answer_that_came_too_late_may_have_counted(self, page: Page, site: Site) -> None:
        press(page, site, REVEAL, Response(504, {}), GONE)
        expect(page.get_by_role("status")).to_contain_text("your press may have counted. Please try again.")
        button_of(page, REVEAL).click()
        heading(page, "The answer got lost")

    def test_not_ready_without_a_time_still_says_what_to_do(self, page: Page, site: Site) -> None:
        press(page, site, REVEAL, Response(503, {}))
        expect(page.get_by_role("status")).to_contain_text("Please try again in a moment.")

    def test_refused_clipboard_leaves_the_password_selected(
        self, page: Page, site: Site, context: BrowserContext
    ) -> None:
        show_end(REVEAL)(page, site)
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
        open_link(page, site, REVEAL, at=EXPIRY - left)
        expect(page.locator("#time-left")).to_have_text(sentence)

    def test_time_left_goes_down(self, page: Page, site: Site) -> None:
        page.clock.install(time=EXPIRY - timedelta(seconds=61))
        page.goto(url_of(site, REVEAL))
        page.clock.run_for(20_000)
        expect(page.locator("#time-left")).to_contain_text("another 4")

    def test_wrong_clock_does_not_keep_anyone_from_revealing(self, page: Page, site: Site) -> None:
        open_link(page, site, REVEAL, REVEALED, at=EXPIRY + timedelta(days=1))
        page.get_by_role("button", name="Reveal").click()
        heading(page, "Your temporary password")


class TestConfirmPage:
    """GET /confirm: the mailbox's owner says whether the reset was their wish."""

    def test_both_answers_with_the_keyboard_alone(self, page: Page, site: Site) -> None:
        open_link(page, site, NO, NOTED)
        page.keyboard.press("Tab")
        expect(button_of(page, YES)).to_be_focused()
        page.keyboard.press("Tab")
        expect(button_of(page, NO)).to_be_focused()
        page.keyboard.press("Enter")
        heading(page, NO.end)
        assert site.posts == [NO.post]

    def test_second_thoughts_in_flight_are_not_sent(self, page: Page, site: Site) -> None:
        with answers_held(page, site) as sent:
            press(page, site, YES, NOTED, NOTED)
            expect(button_of(page, NO)).to_have_attribute("aria-disabled", "true")
            # By the keyboard, because Playwright's click waits for an enabled button.
            button_of(page, NO).press("Enter")
        heading(page, YES.end)
        assert [request.post_data_json for request in sent] == [YES.post[1]]

    def test_other_answer_can_be_given_after_a_failure(self, page: Page, site: Site) -> None:
        press(page, site, YES, Response(429, {}), NOTED)
        expect(page.get_by_role("status")).to_contain_text("Too many requests")
        button_of(page, NO).click()
        heading(page, NO.end)
        assert site.posts == [YES.post, NO.post]

    def test_invalid_link_leads_to_a_new_request(self, page: Page, site: Site) -> None:
        show_invalid(YES)(page, site)
        page.get_by_role("link", name="Ask again").click()
        expect(page).to_have_url(site.request_url)


class TestRevokePage:
    """GET /revoke: another person was shown the password."""

    def test_revoke_with_the_keyboard_alone(self, page: Page, site: Site) -> None:
        open_link(page, site, REVOKE, REVOKED)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        heading(page, REVOKE.end)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page).to_have_url(site.request_url)
        assert site.posts == [REVOKE.post]

    def test_revoked_view_says_what_to_do_next(self, page: Page, site: Site) -> None:
        show_end(REVOKE)(page, site)
        advice = " ".join(page.get_by_role("listitem").all_text_contents())
        assert "end every session" in advice
        assert "read your mail" in advice

    def test_invalid_link_leads_to_the_administrators(self, page: Page, site: Site) -> None:
        show_invalid(REVOKE)(page, site)
        expect(page.get_by_text("tell your administrators at once")).to_be_visible()
