"""Whether SES can send a mail at all, before an account is changed for it."""

from dataclasses import replace
from typing import Any

import pytest

from latchkey.adapters.ses_status import read_sending_status
from latchkey.domain.deliverability import SIMULATOR, SendingStatus, ensure_deliverable, identities_of
from latchkey.errors import AddressSuppressedError, LatchkeyError, MailRefusedError
from tests.unit.stack import ALICE, SES_ACCOUNT, Stack, client_error

SENDER = "accounts@example.com"
GOOD = SendingStatus(SENDER, ALICE)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"enabled": False}, MailRefusedError, "paused"),
        ({"shut_down": True}, MailRefusedError, "review"),
        ({"sent": 200.0, "quota": 200.0}, MailRefusedError, "200 were sent"),
        ({"sent": 0.0, "quota": 0.0}, MailRefusedError, "quota is 0"),
        ({"sender_verified": False}, MailRefusedError, SENDER),
        ({"recipient_allowed": False}, MailRefusedError, "sandbox"),
        ({"suppressed_for": "COMPLAINT"}, AddressSuppressedError, "complaint"),
    ],
)
def test_what_keeps_a_mail_from_arriving_is_named(
    wrong: dict[str, Any], error: type[LatchkeyError], words: str
) -> None:
    with pytest.raises(error, match=words):
        ensure_deliverable(replace(GOOD, **wrong))


@pytest.mark.parametrize("right", [{}, {"sent": 199.0, "quota": 200.0}, {"sent": 10.0**6, "quota": -1.0}])
def test_what_ses_would_deliver_passes(right: dict[str, Any]) -> None:
    ensure_deliverable(replace(GOOD, **right))


def test_an_address_is_verified_by_itself_or_by_a_domain_above_it() -> None:
    assert list(identities_of("a@mail.corp.example.com")) == [
        "a@mail.corp.example.com",
        "mail.corp.example.com",
        "corp.example.com",
        "example.com",
    ]


def status() -> SendingStatus:
    return read_sending_status(SENDER, ALICE)


def test_a_healthy_account_is_seen_as_one(stack: Stack) -> None:
    assert status() == replace(GOOD, sent=3.0, quota=50_000.0)
    assert "GetSuppressedDestination" in stack.operations()


@pytest.mark.parametrize(
    ("account", "seen"),
    [
        ({"SendingEnabled": False}, {"enabled": False}),
        ({"EnforcementStatus": "SHUTDOWN"}, {"shut_down": True}),
        ({"EnforcementStatus": "PROBATION"}, {}),
        ({"SendQuota": {"Max24HourSend": -1.0, "SentLast24Hours": 9.0}}, {"quota": -1.0, "sent": 9.0}),
    ],
)
def test_what_the_account_says_is_read(stack: Stack, account: dict[str, Any], seen: dict[str, Any]) -> None:
    stack.answer("GetAccount", {**SES_ACCOUNT, **account})
    assert status() == replace(GOOD, **{"sent": 3.0, "quota": 50_000.0, **seen})


@pytest.mark.parametrize("verified", [True, False])
def test_in_the_sandbox_a_recipient_has_to_be_verified(stack: Stack, verified: bool) -> None:  # noqa: FBT001
    stack.answer("GetAccount", {**SES_ACCOUNT, "ProductionAccessEnabled": False})
    stack.answer("GetEmailIdentity", {"VerifiedForSendingStatus": verified})
    assert status().recipient_allowed is verified
    assert ALICE in [call["EmailIdentity"] for call in stack.sent("GetEmailIdentity")]


def test_from_the_sandbox_too_mails_reach_the_mailbox_simulator(stack: Stack) -> None:
    stack.answer("GetAccount", {**SES_ACCOUNT, "ProductionAccessEnabled": False})
    stack.answer("GetEmailIdentity", client_error("NotFoundException", 404))
    for address, reached in ((f"success@{SIMULATOR}", True), (f"success@{SIMULATOR}.example.com", False)):
        assert read_sending_status(SENDER, address).recipient_allowed is reached


def test_outside_it_recipients_are_not_looked_up(stack: Stack) -> None:
    assert status().recipient_allowed
    assert [call["EmailIdentity"] for call in stack.sent("GetEmailIdentity")] == [SENDER]


@pytest.mark.parametrize(
    ("answer", "verified"),
    [
        ({"VerifiedForSendingStatus": True}, True),
        ({"VerifiedForSendingStatus": False}, False),
        (client_error("NotFoundException", 404), False),
    ],
)
def test_the_sender_is_looked_up(stack: Stack, answer: Any, verified: bool) -> None:  # noqa: ANN401, FBT001
    stack.answer("GetEmailIdentity", answer)
    assert status().sender_verified is verified


def test_a_verified_domain_is_enough_for_the_sender(stack: Stack) -> None:
    stack.answer("GetEmailIdentity", {"VerifiedForSendingStatus": True})
    stack.refuse("GetEmailIdentity", "NotFoundException", 404)
    assert status().sender_verified
    assert [call["EmailIdentity"] for call in stack.sent("GetEmailIdentity")] == [SENDER, "example.com"]


@pytest.mark.parametrize(
    ("reasons", "suppressed_for"), [(["BOUNCE", "COMPLAINT"], "BOUNCE"), (["COMPLAINT"], ""), ([], "")]
)
def test_an_address_is_suppressed_for_the_reasons_the_account_chose(
    stack: Stack, reasons: list[str], suppressed_for: str
) -> None:
    stack.answer("GetAccount", {**SES_ACCOUNT, "SuppressionAttributes": {"SuppressedReasons": reasons}})
    stack.answer("GetSuppressedDestination", {"SuppressedDestination": {"Reason": "BOUNCE"}})
    assert status().suppressed_for == suppressed_for


def test_an_answer_without_what_was_asked_for_is_no_answer(stack: Stack) -> None:
    stack.answer("GetAccount", {})
    assert status() == GOOD
