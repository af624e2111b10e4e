"""Which links the local cloud's SES rewrites, where an account has it count who follows them."""

import json

import pytest

from local.emulator.mailbox import Mail
from local.emulator.patches import mails, tracking
from local.emulator.patches.base import module
from local.emulator.smtp import read_mail
from tests.unit.coroutines import result_of

LINK = '<p><a class="x" href="https://reset.example.com/extract#ph=1&amp;rs=secret">Show</a></p>'
SPARED = LINK.replace("<a ", "<a ses:no-track ")


arrived: list[Mail] = []


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the account count who follows the links of its mails."""
    for service in (module("services.ses"), module("services.ses_v2")):
        monkeypatch.setattr(service, "handle_request", service.handle_request)
    monkeypatch.setattr(tracking, "_account", {})
    module("services.ses").reset()
    tracking.apply()
    mails.apply(arrived.append)
    ask("PUT", "account/vdm", VdmAttributes={"DashboardAttributes": {"EngagementMetrics": "ENABLED"}})


def ask(method: str, path: str, **request: object) -> None:
    body = json.dumps(request).encode()
    status, _, _ = result_of(
        module("services.ses_v2").handle_request(method, f"/v2/email/{path}", {}, body, {})
    )
    assert status == 200


def delivered(html: str) -> str:
    ask("POST", "identities", EmailIdentity="us@example.com")
    body = {"Text": {"Data": "-"}, "Html": {"Data": html}}
    ask(
        "POST",
        "outbound-emails",
        FromEmailAddress="us@example.com",
        Destination={"ToAddresses": ["a@example.com"]},
        Content={"Simple": {"Subject": {"Data": "-"}, "Body": body}},
    )
    return arrived[-1].html


@pytest.mark.usefixtures("account")
def test_a_link_is_rewritten_fragment_and_all() -> None:
    found = delivered(LINK)
    assert "https://local.awstrack.me/L0/https%3A%2F%2Freset.example.com%2Fextract%23ph%3D1" in found
    assert "reset.example.com/extract#" not in found


@pytest.mark.usefixtures("account")
def test_a_link_that_says_so_stays_as_it_is() -> None:
    assert delivered(SPARED) == LINK


@pytest.mark.usefixtures("account")
def test_mails_by_smtp_are_rewritten_too() -> None:
    head = b"From: us@example.com\r\nContent-Type: text/html\r\n\r\n"
    assert "awstrack.me" in read_mail(head + LINK.encode(), ["a@example.com"], 0).html
    assert read_mail(head + SPARED.encode(), ["a@example.com"], 0).html.strip() == LINK


def test_without_being_told_an_account_leaves_links_alone() -> None:
    assert tracking.as_delivered(LINK) == LINK
    assert tracking.as_delivered(SPARED) == LINK
