"""A person with a browser, from the forgotten password to the new one, on the deployed product."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from local.driver.product import Link, Product
from tests.e2e.browser import open_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_chromium() as chromium:
        yield chromium


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def code_in(text: str) -> str:
    """Return the line of a mail that is its code."""
    (code,) = [line for line in text.splitlines() if re.fullmatch(r"[\w-]{120,}", line)]
    return code


def test_person_gets_a_new_password_alone(page: Page, product: Product) -> None:
    user = product.create_user("0ld-Password-of-the-user")
    page.goto(f"{product.stack.api_url}/generate")
    page.get_by_role("textbox").fill(user)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your request has been submitted")).to_be_visible()
    expect(page.get_by_text("Please check your email for further details")).to_be_visible()

    # A mail program cut this link's secret off: its mail has a code beside it.
    question = product.wait_for_mail(user, "Did you ask")["text"]
    page.goto(f"{product.stack.api_url}/confirm#ph={Link.within(question).ph}&r")
    page.get_by_label("Code from the mail").fill(code_in(question))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Yes, reset my password").click()
    expect(page.get_by_role("heading", name="Did you ask")).to_be_hidden()

    link = product.wait_for_link(user)
    product.wait_until_claimable(user)
    # And escaped this one twice: the browser asks for another path.
    page.goto(f"{link.page}%2523ph={link.ph}&amp;rs={link.rs}.")
    expect(page).to_have_url(f"{link.page}#ph={link.ph}&rs={link.rs}")
    page.get_by_role("button", name="Reveal").click()
    expect(page.get_by_role("heading", name="Your temporary password", exact=True)).to_be_visible()
    password = page.locator("#password").inner_text()
    assert product.sign_in(user, password)["signed_in"]
    assert link.rs not in page.url

    page.goto("about:blank")
    page.goto(f"{link.page}#ph={link.ph}&rs={link.rs}")
    page.get_by_role("button", name="Reveal").click()
    expect(page.get_by_role("heading", name="Invalid!")).to_be_visible()
    expect(page.get_by_text("This link is expired or has been already used once")).to_be_visible()


def test_person_with_two_mails_is_sent_to_the_newer(page: Page, product: Product) -> None:
    user = product.create_user("0ld-Password-of-the-user")
    product.start_reset(user)
    older = product.wait_for_link(user)
    product.start_reset(user)
    newer = product.wait_for_link(user, 2)
    product.wait_until_claimable(user)
    for link, title in ((older, "A newer link was mailed to you"), (newer, "Your temporary password")):
        page.goto("about:blank")
        page.goto(f"{link.page}#ph={link.ph}&rs={link.rs}")
        page.get_by_role("button", name="Reveal").click()
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    assert product.sign_in(user, page.locator("#password").inner_text())["signed_in"]


def test_person_revokes_a_password_that_a_stranger_was_shown(page: Page, product: Product) -> None:
    user = product.create_user("0ld-Password-of-the-user")
    product.start_reset(user)
    stolen = product.claim(product.wait_for_link(user)).json()["password"]
    notice = product.wait_for_notice(user)
    page.goto(f"{notice.page}#ph={notice.ph}&rs={notice.rs}")
    assert product.sign_in(user, stolen)["signed_in"]
    page.get_by_role("button", name="This was not me").click()
    expect(page.get_by_role("heading", name="The password has been revoked")).to_be_visible()
    assert not product.sign_in(user, stolen)["signed_in"]
    assert notice.rs not in page.url
