"""Whether SES can send a mail to an address, as far as that is known without sending it."""

from collections.abc import Iterator
from dataclasses import dataclass

from latchkey.errors import AddressSuppressedError, MailRefusedError

#: The domain of SES's mailbox simulator, which an account in the sandbox reaches too
#: (https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html).
SIMULATOR = "simulator.amazonses.com"


@dataclass(frozen=True, slots=True)
class SendingStatus:
    """What SES says about sending; a field keeps its default, the good case, where SES did not say.

    Attributes:
        sender: the address mails come from.
        recipient: the address a mail is to go to.
        enabled: whether sending is enabled for the account in this region.
        shut_down: whether AWS has paused the account's sending until a review ends.
        sent: mails sent in the last 24 hours.
        quota: mails SES takes in 24 hours; negative for no limit.
        sender_verified: whether the sender, or a domain of it, is verified for sending.
        recipient_allowed: false where the account is in the sandbox and the recipient is not verified.
        suppressed_for: why the address is on the account's suppression list, as in `BOUNCE`; empty where
            it is not, or where the account does not suppress for that reason.
    """

    sender: str
    recipient: str
    enabled: bool = True
    shut_down: bool = False
    sent: float = 0
    quota: float = -1
    sender_verified: bool = True
    recipient_allowed: bool = True
    suppressed_for: str = ""


def ensure_deliverable(status: SendingStatus) -> None:
    """Accept what SES would take and try to deliver.

    Raises:
        MailRefusedError: when SES would refuse every mail; an operator has to fix that.
        AddressSuppressedError: when SES would take a mail to this address and never deliver it.
    """
    if status.shut_down:
        raise MailRefusedError("SES has shut down sending for this account until its review ends.")
    if not status.enabled:
        raise MailRefusedError("Sending is paused for this account in SES.")
    if 0 <= status.quota <= status.sent:
        raise MailRefusedError(
            f"SES takes no more mails now: {status.sent:.0f} were sent in the last 24 hours, "
            f"and the quota is {status.quota:.0f}."
        )
    if not status.sender_verified:
        raise MailRefusedError(f"SES has verified neither the sender {status.sender} nor its domain.")
    if not status.recipient_allowed:
        raise MailRefusedError(
            f"The account is in SES's sandbox, and neither {status.recipient} nor its domain is verified."
        )
    if status.suppressed_for:
        raise AddressSuppressedError(
            f"{status.recipient} is on SES's suppression list, because of a {status.suppressed_for.lower()}: "
            "SES would take a mail to it and never deliver it."
        )


def identities_of(address: str) -> Iterator[str]:
    """Yield the SES identities that let mails come from an address: itself, its domain, the domains above.

    Source: https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html (a verified domain covers
    its subdomains and all addresses).
    """
    yield address
    labels = address.rpartition("@")[2].split(".")
    for first in range(len(labels) - 1):
        yield ".".join(labels[first:])
