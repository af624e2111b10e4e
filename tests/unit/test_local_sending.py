"""The local cloud's SES sends while the account may, and says what it suppresses."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.emulator.patches import sending
from local.emulator.patches.base import module
from tests.unit.coroutines import result_of

SENDER = "latchkey@example.com"

type Ses = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Ses:
    """Return what asks MiniStack's SES, patched for one test."""
    service = module("services.ses_v2", "handle_request")
    monkeypatch.setattr(service, "handle_request", service.handle_request)
    monkeypatch.setattr(sending, "_enabled", True)
    module("services.ses").reset()
    sending.apply()

    def ask(method: str, path: str, **body: object) -> tuple[int, dict[str, Any]]:
        answer = service.handle_request(method, f"/v2/email/{path}", {}, json.dumps(body).encode(), {})
        status, _, found = result_of(answer)
        return status, json.loads(found)

    ask("POST", "identities", EmailIdentity=SENDER)
    return ask


def send(ses: Ses) -> int:
    simple = {"Subject": {"Data": "-"}, "Body": {"Text": {"Data": "-"}}}
    return ses(
        "POST",
        "outbound-emails",
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": [SENDER]},
        Content={"Simple": simple},
    )[0]


def test_a_paused_account_refuses_mails_and_says_so(ses: Ses) -> None:
    assert (send(ses), ses("GET", "account")[1]["SendingEnabled"]) == (200, True)
    ses("PUT", "account/sending", SendingEnabled=False)
    assert (send(ses), ses("GET", "account")[1]["SendingEnabled"]) == (400, False)
    ses("PUT", "account/sending", SendingEnabled=True)
    assert send(ses) == 200


def test_an_account_suppresses_bounces_and_complaints(ses: Ses) -> None:
    _, account = ses("GET", "account")
    assert account["SuppressionAttributes"] == {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}
