"""SES: sends one mail."""

import boto3

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors
from latchkey.domain.users import is_mail_address
from latchkey.emails import Mail
from latchkey.errors import MailRefusedError
from latchkey.observability import logger

_ses = boto3.client("sesv2", config=CLIENT_CONFIG)


def send(mail: Mail, sender: str, to: str) -> None:
    """Send a mail from one address to one address.

    Raises:
        MailRefusedError: when SES will not take it, now or ever.
    """
    refused = dict.fromkeys(
        (
            "AccountSuspendedException",
            "BadRequestException",
            "MailFromDomainNotVerifiedException",
            "MessageRejected",
            "NotFoundException",
            "SendingPausedException",
        ),
        MailRefusedError,
    )
    with translate_errors("send the mail", refused):
        _ses.send_email(
            FromEmailAddress=sender,
            Destination={"ToAddresses": [to]},
            Content={
                "Simple": {
                    "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": mail.text, "Charset": "UTF-8"},
                        "Html": {"Data": mail.html, "Charset": "UTF-8"},
                    },
                    # RFC 3834: no vacation reply should answer this.
                    "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
                }
            },
        )


def send_notice(mail: Mail, sender: str, user: str, to: str) -> None:
    """Send a notice to the user's address, and to the user's name too where that is another address.

    Anyone who may tag users chooses the address, but not the name. A name need not be a mailbox: a refusal by
    SES to send there is only logged.

    Raises:
        MailRefusedError: when SES will not send to the user's address, now or ever.
    """
    if is_mail_address(user) and user.lower() != to.lower():
        try:
            send(mail, sender, user)
        except MailRefusedError as error:
            logger.warning("No notice to the address that is the user's name: %s", error)
    send(mail, sender, to)


def send_rate() -> float:
    """Return how many mails a second SES takes from the account."""
    with translate_errors("read the send quota"):
        return _ses.get_account()["SendQuota"]["MaxSendRate"]
