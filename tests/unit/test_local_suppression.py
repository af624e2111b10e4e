"""Mails to addresses on the local cloud's suppression list are taken, and not delivered."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.emulator.mailbox import Mail
from local.emulator.patches import mails, suppression
from local.emulator.patches.base import module
from tests.unit.coroutines import result_of

SENDER, BOUNCED, WELL = (f"{name}@example.com" for name in ("latchkey", "bounced", "well"))
ADDRESSES = "/v2/email/suppression/addresses"

arrived: list[Mail] = []

type Ses = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Ses:
    """Return what asks MiniStack's SES, patched for one test."""
    service = module("services.ses_v2")
    for each in (service, module("services.ses")):
        monkeypatch.setattr(each, "handle_request", each.handle_request)
    monkeypatch.setattr(suppression, "_suppressed", {})
    module("services.ses").reset()
    suppression.apply()
    arrived.clear()
    mails.apply(arrived.append)
    verified = json.dumps({"EmailIdentity": SENDER}).encode()
    result_of(service.handle_request("POST", "/v2/email/identities", {}, verified, {}))

    def ask(method: str, path: str, **body: object) -> tuple[int, dict[str, Any]]:
        answer = service.handle_request(method, path, {}, json.dumps(body).encode(), {})
        status, _, found = result_of(answer)
        return status, json.loads(found)

    return ask


def send(ses: Ses, *to: str) -> int:
    status, _ = ses(
        "POST",
        "/v2/email/outbound-emails",
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": to},
        Content={"Simple": {"Subject": {"Data": "-"}, "Body": {"Text": {"Data": "-"}}}},
    )
    return status


def delivered() -> list[list[str]]:
    return [list(mail.to) for mail in arrived]


def test_a_mail_to_a_suppressed_address_is_taken_and_not_delivered(ses: Ses) -> None:
    ses("PUT", ADDRESSES, EmailAddress=BOUNCED, Reason="BOUNCE")
    assert send(ses, "Bounced@Example.com") == 200
    assert send(ses, BOUNCED, WELL) == 200
    assert delivered() == [[WELL]]


def test_an_address_is_suppressed_until_it_is_taken_off_the_list(ses: Ses) -> None:
    assert ses("GET", f"{ADDRESSES}/{BOUNCED}")[0] == 404
    ses("PUT", ADDRESSES, EmailAddress=BOUNCED, Reason="COMPLAINT")
    send(ses, BOUNCED)
    _, found = ses("GET", f"{ADDRESSES}/{BOUNCED}")
    assert found["SuppressedDestination"]["Reason"] == "COMPLAINT"
    (listed,) = ses("GET", ADDRESSES)[1]["SuppressedDestinationSummaries"]
    assert listed["EmailAddress"] == BOUNCED
    ses("DELETE", f"{ADDRESSES}/bounced%40example.com")
    assert ses("GET", f"{ADDRESSES}/{BOUNCED}")[0] == 404
    send(ses, BOUNCED)
    assert delivered() == [[BOUNCED]]
