"""The SES adapter: what a mail is made of, and what SES's refusals mean."""

import pytest
from botocore.exceptions import EndpointConnectionError

from latchkey.adapters import ses
from latchkey.emails import Mail
from latchkey.errors import (
    AccessDeniedError,
    LatchkeyError,
    MailRefusedError,
    ServiceUnavailableError,
    ThrottledError,
)
from tests.unit.stack import ALICE, SENDER, Stack

MAIL = Mail("Grüße", "text …", "<p>html …</p>")


def test_a_mail_goes_from_the_stacks_sender_to_one_address(stack: Stack) -> None:
    ses.send(MAIL, SENDER, ALICE)
    (call,) = stack.sent("SendEmail")
    assert call["FromEmailAddress"] == "accounts@example.com"
    assert call["Destination"] == {"ToAddresses": [ALICE]}


def test_a_mail_carries_text_and_html_in_utf_8(stack: Stack) -> None:
    ses.send(MAIL, SENDER, ALICE)
    simple = stack.sent("SendEmail")[0]["Content"]["Simple"]
    assert simple["Subject"] == {"Data": MAIL.subject, "Charset": "UTF-8"}
    assert simple["Body"] == {
        "Text": {"Data": MAIL.text, "Charset": "UTF-8"},
        "Html": {"Data": MAIL.html, "Charset": "UTF-8"},
    }


def test_a_mail_asks_for_no_automatic_reply(stack: Stack) -> None:
    ses.send(MAIL, SENDER, ALICE)
    headers = stack.sent("SendEmail")[0]["Content"]["Simple"]["Headers"]
    assert headers == [{"Name": "Auto-Submitted", "Value": "auto-generated"}]


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("MessageRejected", 400, MailRefusedError),
        ("MailFromDomainNotVerifiedException", 400, MailRefusedError),
        ("AccountSuspendedException", 400, MailRefusedError),
        ("SendingPausedException", 400, MailRefusedError),
        ("BadRequestException", 400, MailRefusedError),
        ("NotFoundException", 404, MailRefusedError),
        ("TooManyRequestsException", 429, ThrottledError),
        ("LimitExceededException", 400, ThrottledError),
        ("AccessDeniedException", 403, AccessDeniedError),
        ("InternalFailure", 500, ServiceUnavailableError),
    ],
)
def test_what_ses_means_when_it_will_not_send(
    stack: Stack, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    stack.refuse("SendEmail", code, status)
    with pytest.raises(meaning, match="Could not send the mail"):
        ses.send(MAIL, SENDER, ALICE)


def test_ses_out_of_reach_is_worth_another_try(stack: Stack) -> None:
    stack.fail("SendEmail", EndpointConnectionError(endpoint_url="https://email.eu-central-1.amazonaws.com"))
    with pytest.raises(ServiceUnavailableError):
        ses.send(MAIL, SENDER, ALICE)
