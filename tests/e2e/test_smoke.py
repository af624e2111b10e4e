"""`make smoke` on the local cloud, which stands for a deployed stage."""

import pytest
from click.testing import CliRunner, Result

from cli import follow
from local.driver.product import Product
from tools import smoke

OK, FAILED, NOT_TRIED = "ok ", "FAILED ", "not tried "


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than AWS would like."""
    monkeypatch.setattr(follow, "_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(smoke, "_POLL_SECONDS", 0.1)


def run(product: Product, *words: str) -> Result:
    environment = {
        "AWS_ENDPOINT_URL": product.stack.endpoint_url,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": product.stack.region,
        "LATCHKEY_STACK": product.stack.stack_name,
    }
    return CliRunner().invoke(smoke.main, words, env=environment)


def outcomes(result: Result) -> dict[str, str]:
    """Return how each case went, by its name."""
    lines = [line for line in result.output.splitlines() if line.startswith((OK, FAILED, NOT_TRIED))]
    return {line[11:].partition(":")[0].partition(" (")[0]: line[:11].strip() for line in lines}


def people(product: Product) -> list[str]:
    pages = product.client("iam").get_paginator("list_users").paginate()
    return [user["UserName"] for page in pages for user in page["Users"] if "smoke" in user["UserName"]]


def test_every_case_goes_well_where_the_mails_can_be_read_and_no_one_stays_behind(product: Product) -> None:
    result = run(product, "--mailbox-url", product.stack.mailbox_url)
    assert set(outcomes(result).values()) == {"ok"}, result.output
    assert len(outcomes(result)) == len(smoke.CASES)
    assert result.exit_code == 0
    assert people(product) == []


def test_without_an_inbox_what_follows_a_link_is_not_tried(product: Product) -> None:
    result = run(product)
    went = outcomes(result)
    assert went.pop("a link is claimed once") == "not tried"
    assert set(went.values()) == {"ok"}, result.output
    assert people(product) == []


def test_a_stage_whose_mails_are_refused_fails_and_no_one_stays_behind(product: Product) -> None:
    product.client("sesv2").put_account_sending_attributes(SendingEnabled=False)
    try:
        result = run(product, "--mailbox-url", product.stack.mailbox_url)
    finally:
        product.client("sesv2").put_account_sending_attributes(SendingEnabled=True)
    went = outcomes(result)
    assert went["a mail is accepted and a reset is revoked"] == "FAILED"
    assert "Sending is paused" in result.output
    assert result.exit_code == 1
    assert people(product) == []


def test_a_link_is_pasted_and_not_echoed(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "person@example.com"
    pasted: list[str] = []

    def paste(text: str, **options: object) -> str:
        assert options["hide_input"]
        assert address in text
        about = "Did you ask" if "Did you ask" in text else "CONFIDENTIAL"
        pasted.append(product.wait_for_mail(address, about)["text"])
        return pasted[-1]

    monkeypatch.setattr("click.prompt", paste)
    monkeypatch.setattr(smoke, "CASES", (smoke.a_link_is_claimed_once,))
    result = run(product, "--inbox", address)
    assert (result.exit_code, len(pasted)) == (0, 2), result.output
    assert "rs=" not in result.output
