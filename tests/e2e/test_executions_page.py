"""The local cloud's page of executions, in Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from local.driver.product import Product
from tests.e2e.browser import faults, installed, open_chromium

ROOT = Path(__file__).parents[2]


@pytest.fixture
def page(product: Product) -> Iterator[Page]:
    """Open the page; an error of its scripts or a request to another site fails the test."""
    installed(ROOT / "local", "@mermaid-js/tiny/dist/mermaid.tiny.js")
    wrong: list[str] = []
    with open_chromium() as browser:
        opened = browser.new_page()
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        origin = product.stack.endpoint_url
        opened.on("request", lambda asked: None if asked.url.startswith(origin) else wrong.append(asked.url))
        yield opened
    assert wrong == []


def show(page: Page, product: Product, arn: str) -> None:
    page.goto(f"{product.stack.endpoint_url}/_latchkey/executions#{arn.rpartition(':')[2]}")


def states(page: Page, kind: str) -> list[str]:
    """Return the states that the picture shows as entered, running or failing."""
    marked: list[str] = page.locator(f"#picture g.node.{kind}").evaluate_all(
        "nodes => nodes.map((node) => /flowchart-(.+)-\\d+$/.exec(node.id)[1])"
    )
    return marked


def test_the_path_of_a_reset_is_drawn_while_it_runs(product: Product, page: Page) -> None:
    user = product.create_user("0ld-Password-of-the-user")
    arn = product.start_reset(user)
    link = product.wait_for_link(user)
    show(page, product, arn)
    expect(page.locator("#picture g.node.running")).to_contain_text("WaitForClaim")
    product.wait_until_claimable(user)
    assert {"ValidateUser", "StorePassword", "WaitForClaim"} <= set(states(page, "entered"))
    assert "RevokePassword" not in states(page, "entered")
    password = product.claim(link).json()["password"]
    expect(page.locator("#title")).to_contain_text("SUCCEEDED")
    expect(page.locator("#steps tr").last).to_contain_text("Claimed")
    assert "Claimed" in states(page, "entered")
    assert states(page, "running") == []
    assert page.locator("#picture path.taken").count() >= 6
    said = page.content() + str(view(product))
    assert not [secret for secret in (password, link.rs) if secret in said]
    assert user not in said


def view(product: Product) -> dict[str, Any]:
    url = f"{product.stack.endpoint_url}/_latchkey/executions"
    answer: dict[str, Any] = product.http.get(url, headers={"Accept": "application/json"}).json()
    return answer


def test_every_state_machine_is_drawn_and_a_failure_says_its_cause(product: Product, page: Page) -> None:
    assert len(view(product)["machines"]) == 4
    user = product.create_user("0ld-Password-of-the-user")
    refused = {
        "service": "iam",
        "action": "UpdateLoginProfile",
        "error": "PasswordPolicyViolation",
        "times": 1,
    }
    with product.faults(refused):
        arn = product.start_reset(user)
        product.wait_for_end(arn)
    show(page, product, arn)
    expect(page.locator("#title")).to_contain_text("FAILED")
    expect(page.locator("#cause")).to_contain_text(
        "ResetIamPassword failed with PasswordPolicyViolationError"
    )
    assert states(page, "failing") == ["ResetIamPassword"]


def test_axe_finds_no_violation(product: Product, page: Page) -> None:
    show(page, product, product.start_reset("nobody@example.com"))
    expect(page.locator("#title")).to_contain_text("SUCCEEDED")
    assert faults(page) == []
