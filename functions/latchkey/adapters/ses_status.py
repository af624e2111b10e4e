"""SES: what it says about sending to an address, before anything is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from latchkey.adapters.aws import BRIEF_CONFIG
from latchkey.domain.deliverability import SIMULATOR, SendingStatus, identities_of
from latchkey.observability import logger

_ses = boto3.client("sesv2", config=BRIEF_CONFIG)


def read_sending_status(sender: str, recipient: str) -> SendingStatus:
    """Return what SES says about mails from one address to another.

    What SES does not say, because it throttles, fails or denies the question, stays at its default: a reset
    must not depend on an answer that is merely useful (docs/decisions/0046-mail-first.md).
    """
    status, in_sandbox = SendingStatus(sender, recipient), False
    reasons: frozenset[str] = frozenset()
    with _optional("the account"):
        account = _ses.get_account()
        quota = account["SendQuota"]
        status = replace(
            status,
            enabled=account["SendingEnabled"],
            shut_down=account["EnforcementStatus"] == "SHUTDOWN",
            sent=quota["SentLast24Hours"],
            quota=quota["Max24HourSend"],
        )
        in_sandbox = not account["ProductionAccessEnabled"]
        reasons = frozenset(account["SuppressionAttributes"]["SuppressedReasons"])
    with _optional("the sender"):
        status = replace(status, sender_verified=_is_verified(sender))
    if in_sandbox and not recipient.endswith(f"@{SIMULATOR}"):
        with _optional("the recipient"):
            status = replace(status, recipient_allowed=_is_verified(recipient))
    if reasons:
        with _optional("the suppression list"):
            status = replace(status, suppressed_for=_suppressed_for(recipient, reasons))
    return status


@contextmanager
def _optional(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, KeyError) as error:
        logger.warning("SES did not tell about %s: %r", what, error)


def _is_verified(address: str) -> bool:
    """Tell whether an address, or a domain of it, is verified for sending."""
    for identity in identities_of(address):
        try:
            if _ses.get_email_identity(EmailIdentity=identity)["VerifiedForSendingStatus"]:
                return True
        except _ses.exceptions.NotFoundException:
            continue
    return False


def _suppressed_for(address: str, reasons: frozenset[str]) -> str:
    """Return why an address is suppressed; empty where SES delivers to it.

    Args:
        address: the recipient's.
        reasons: those the account suppresses for; SES delivers where the list has another
            (https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html).
    """
    try:
        found = _ses.get_suppressed_destination(EmailAddress=address)["SuppressedDestination"]
    except _ses.exceptions.NotFoundException:
        return ""
    return found["Reason"] if found["Reason"] in reasons else ""
