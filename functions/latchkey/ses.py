"""SES: sends one mail."""

import os

import boto3

from latchkey.aws import CLIENT_CONFIG, translated
from latchkey.errors import MailRefusedError
from latchkey.mails import Mail

_ses = boto3.client("sesv2", config=CLIENT_CONFIG)


def send(mail: Mail, to: str) -> None:
    """Send a mail from the stack's sender to one address.

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
    with translated("send the mail", refused):
        _ses.send_email(
            FromEmailAddress=os.environ["SENDER_ADDRESS"],
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


def send_rate() -> float:
    """Return how many mails a second SES takes from the account."""
    with translated("read the send quota"):
        return _ses.get_account()["SendQuota"]["MaxSendRate"]
