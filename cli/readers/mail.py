"""SES: the account, the sender, and the addresses it delivers nothing to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.readers import NotThereError, asking
from cli.rules.mail import ConfigurationSet, Sender, SesAccount, Suppressed
from latchkey.domain.deliverability import identities_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.type_defs import GetEmailIdentityResponseTypeDef

    from cli.scope import Scope


def read_account(scope: Scope) -> SesAccount:
    """Read what SES grants the account."""
    account = scope.session.client("sesv2").get_account()
    dashboard = account.get("VdmAttributes", {}).get("DashboardAttributes", {})
    return SesAccount(
        in_sandbox=not account["ProductionAccessEnabled"],
        sending_enabled=account["SendingEnabled"],
        enforcement=account["EnforcementStatus"],
        sent=account["SendQuota"]["SentLast24Hours"],
        quota=account["SendQuota"]["Max24HourSend"],
        tracks_engagement=dashboard.get("EngagementMetrics") == "ENABLED",
    )


def read_sender(scope: Scope) -> Sender | None:
    """Read the identities that let the stack's sender send; SES takes the most specific one."""
    ses, address = scope.session.client("sesv2"), scope.parameter("SenderAddress")
    if not address:
        return None
    identities = list(_identities(ses, address))
    expected = scope.stack is None and scope.parameter("CreateSenderIdentity") == "true"
    if not identities:
        return Sender(address, verified=False, expected=expected)
    name, first = identities[0]
    dkim = first.get("DkimAttributes", {})
    signed = dkim.get("SigningEnabled", False) and dkim.get("Status") == "SUCCESS"
    set_name = first.get("ConfigurationSetName", "")
    return Sender(
        address,
        verified=any(identity["VerifiedForSendingStatus"] for _, identity in identities),
        expected=expected,
        unsigned_domain="" if signed or "@" in name else name,
        configuration_set=_configuration_set(ses, set_name) if set_name else None,
    )


def read_admin(scope: Scope) -> Suppressed:
    """Read whether SES would deliver to the administrator."""
    address = scope.parameter("AdminAddress")
    if not address:
        return Suppressed("", "")
    try:
        with asking():
            found = scope.session.client("sesv2").get_suppressed_destination(EmailAddress=address)
    except NotThereError:
        return Suppressed(address, "")
    return Suppressed(address, found["SuppressedDestination"]["Reason"])


def _identities(ses: SESV2Client, address: str) -> Iterator[tuple[str, GetEmailIdentityResponseTypeDef]]:
    """Yield the identities that cover an address, the most specific one first."""
    for name in identities_of(address):
        try:
            with asking():
                yield name, ses.get_email_identity(EmailIdentity=name)
        except NotThereError:
            continue


def _configuration_set(ses: SESV2Client, name: str) -> ConfigurationSet:
    try:
        with asking():
            found = ses.get_configuration_set(ConfigurationSetName=name)
    except NotThereError:
        return ConfigurationSet(name, exists=False)
    destinations = ses.get_configuration_set_event_destinations(ConfigurationSetName=name).get(
        "EventDestinations", []
    )
    return ConfigurationSet(
        name,
        sending_enabled=found.get("SendingOptions", {}).get("SendingEnabled", True),
        tracks_clicks=any(
            each.get("Enabled", False) and "CLICK" in each["MatchingEventTypes"] for each in destinations
        ),
    )
