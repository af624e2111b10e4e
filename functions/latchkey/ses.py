"""SES: sends one mail."""

import os
from collections.abc import Container
from typing import Any

import boto3

from latchkey.aws import CLIENT_CONFIG, translated
from latchkey.errors import MailRefusedError
from latchkey.mails import Mail

_ses = boto3.client("sesv2", config=CLIENT_CONFIG)


def untracked(known: Container[str]) -> dict[str, Any]:
    """Return what keeps SES from rewriting a mail's links, secret and all, and from counting who opens it.

    An account may have it do so for every mail. The templates say it of each link too, for mails by SMTP and
    for a runtime whose botocore does not know this:
    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_TrackingConfigurationOverrides.html

    Args:
        known: the parameters of SendEmail that botocore knows.
    """
    off = {"OpenTrackingEnabled": "DISABLED", "ClickTrackingEnabled": "DISABLED"}
    given = {"ConfigurationOverrides": {"Tracking": off}}
    return {name: value for name, value in given.items() if name in known}


_send_email = _ses.meta.service_model.operation_model("SendEmail").input_shape
_UNTRACKED = untracked(_send_email.members if _send_email else ())


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
            **_UNTRACKED,
        )


def send_rate() -> float:
    """Return how many mails a second SES takes from the account."""
    with translated("read the send quota"):
        return _ses.get_account()["SendQuota"]["MaxSendRate"]
