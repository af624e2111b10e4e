"""Mails: whether SES sends them, to whom, and with their links as they were."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cli.findings import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.findings import Finding

#: From here on a busy day may meet the quota.
_NEARLY_USED = 0.8

_kind = partial(Kind, section="mails")

SES_SANDBOX = _kind(
    "SesSandbox",
    remedy="Request production access: SES console, Account dashboard. Until then verify each recipient.",
)
SES_SENDING_PAUSED = _kind(
    "SesSendingPaused",
    remedy="Mend why it was paused, then: aws sesv2 put-account-sending-attributes --sending-enabled",
)
SES_UNDER_REVIEW = _kind(
    "SesUnderReview",
    remedy="Answer AWS's review: SES console, Account dashboard, Reputation metrics.",
)
SES_QUOTA_NEARLY_USED = _kind(
    "SesQuotaNearlyUsed",
    remedy="Request a higher sending quota: Service Quotas console, Amazon SES, Sending quota.",
)
ENGAGEMENT_TRACKING = _kind(
    "EngagementTracking",
    remedy="None: Latchkey's mails and links ask not to be tracked.",
    note=True,
)
SENDER_NOT_VERIFIED = _kind(
    "SenderNotVerified",
    remedy="Verify it or its domain: aws sesv2 create-email-identity --email-identity …, then confirm.",
)
SENDER_NOT_SIGNED = _kind(
    "SenderNotSigned",
    remedy="Publish the DKIM records of the domain: SES console, Identities, Authentication.",
)
CONFIGURATION_SET_MISSING = _kind(
    "ConfigurationSetMissing",
    remedy="Give the identity another default configuration set, or none: SES console, Identities.",
)
CONFIGURATION_SET_PAUSED = _kind(
    "ConfigurationSetPaused",
    remedy="Enable sending of the configuration set, or give the identity another default.",
)
CLICK_TRACKING = _kind(
    "ClickTracking",
    remedy="None: Latchkey's mails and links ask not to be tracked.",
    note=True,
)
ADMIN_SUPPRESSED = _kind(
    "AdminSuppressed",
    remedy="Mend the mailbox, then: aws sesv2 delete-suppressed-destination --email-address …",
)


@dataclass(frozen=True, slots=True)
class SesAccount:
    """SES in the account and region; `sent` and `quota` count mails in 24 hours, a negative quota is none."""

    in_sandbox: bool
    sending_enabled: bool
    enforcement: str
    sent: float
    quota: float
    tracks_engagement: bool


@dataclass(frozen=True, slots=True)
class ConfigurationSet:
    """The configuration set that SES applies to each mail of an identity."""

    name: str
    exists: bool = True
    sending_enabled: bool = True
    tracks_clicks: bool = False


@dataclass(frozen=True, slots=True)
class Sender:
    """The address mails come from, and the SES identity that lets it send.

    Attributes:
        address: the sender's.
        verified: whether SES has verified the address or a domain of it.
        expected: whether the stack creates the identity and is not deployed yet.
        unsigned_domain: the verified domain whose mails carry no DKIM signature; empty for none.
        configuration_set: the identity's default one, or None.
    """

    address: str
    verified: bool
    expected: bool = False
    unsigned_domain: str = ""
    configuration_set: ConfigurationSet | None = None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """An address on SES's suppression list and why, as in `BOUNCE`; empty where it is not on it."""

    address: str
    reason: str


def check_account(account: SesAccount) -> Iterator[Finding]:
    """Find what keeps the account from sending."""
    if account.in_sandbox:
        yield SES_SANDBOX.found(
            "SES is in the sandbox in this region: it delivers to verified addresses only, 200 mails a day."
        )
    if not account.sending_enabled:
        yield SES_SENDING_PAUSED.found("Sending is paused for the account in this region.")
    if account.enforcement != "HEALTHY":
        yield SES_UNDER_REVIEW.found(f"AWS reviews the account's sending: {account.enforcement}.")
    if 0 <= account.quota <= account.sent / _NEARLY_USED:
        yield SES_QUOTA_NEARLY_USED.found(
            f"{account.sent:.0f} of the {account.quota:.0f} mails that SES takes in 24 hours are sent."
        )
    if account.tracks_engagement:
        yield ENGAGEMENT_TRACKING.found(
            "Virtual Deliverability Manager tracks engagement: it replaces the links in other mails."
        )


def check_sender(sender: Sender) -> Iterator[Finding]:
    """Find what keeps mails of the sender from arriving as they were written."""
    if not sender.verified and not sender.expected:
        yield SENDER_NOT_VERIFIED.found(f"SES has verified neither {sender.address} nor its domain.")
    if sender.unsigned_domain:
        yield SENDER_NOT_SIGNED.found(
            f"Mails from {sender.unsigned_domain} carry no DKIM signature: mailboxes take them for junk."
        )
    named = sender.configuration_set
    if named is None:
        return
    if not named.exists:
        yield CONFIGURATION_SET_MISSING.found(
            f"The sender's default configuration set {named.name} does not exist: SES refuses every mail."
        )
    if not named.sending_enabled:
        yield CONFIGURATION_SET_PAUSED.found(
            f"Sending is paused for {named.name}, the sender's default configuration set."
        )
    if named.tracks_clicks:
        yield CLICK_TRACKING.found(
            f"{named.name}, the sender's default configuration set, tracks clicks in other mails."
        )


def check_admin(suppressed: Suppressed) -> Iterator[Finding]:
    """Find whether the administrator's address gets mails at all."""
    if suppressed.reason:
        yield ADMIN_SUPPRESSED.found(
            f"AdminAddress {suppressed.address} is on SES's suppression list ({suppressed.reason.lower()})."
        )
