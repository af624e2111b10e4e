"""ValidateUser: lets through only users who have a password, may have it reset, and can get mail."""

import os
from datetime import UTC, datetime
from typing import TypedDict

from latchkey import settings
from latchkey.adapters import eventbridge, iam, registry
from latchkey.adapters.ses_status import read_sending_status
from latchkey.domain.claims import user_key
from latchkey.domain.deliverability import ensure_deliverable
from latchkey.domain.users import mail_address
from latchkey.errors import RejectedError, RequestRepeatedError
from latchkey.handler import task_handler


class Event(TypedDict):
    """`window`: the key of the window of requests that let the reset through; empty else, and after a yes."""

    execution: str
    user: str
    window: str


class Result(TypedDict):
    user: str
    mail: str


@task_handler
def handler(event: Event, _context: object) -> Result:
    if event["window"]:
        eventbridge.publish("Requested", event["execution"])
    try:
        result = validate_user(event["user"])
        if event["window"]:
            refuse_repeated(event, result["user"], datetime.now(UTC))
    except RejectedError:
        eventbridge.publish("Rejected", event["execution"])
        raise
    return result


def validate_user(name: str) -> Result:
    """Return the user as IAM spells it, and the address to write to.

    Raises:
        UserNotFoundError: when there is no such user.
        UserNotEligibleError: when there is no console access, no mail address, or the user is protected.
        AddressSuppressedError: when SES would not deliver to the user's address.
        MailRefusedError: when SES would send no mail at all; the old password goes on working.
    """
    user = iam.find_eligible_user(name, settings.protection())
    mail = mail_address(user)
    ensure_deliverable(read_sending_status(os.environ["SENDER_ADDRESS"], mail))
    return {"user": user.name, "mail": mail}


def refuse_repeated(event: Event, user: str, now: datetime) -> None:
    """Let only one reset of a user go on at a time, in whichever spelling it was asked for.

    The window of what was typed is open already. Where IAM spells the name otherwise, that name has a window
    too: else every spelling could bring the user a mail.

    Raises:
        RequestRepeatedError: when another request for the user was first.
    """
    key = user_key(user)
    if key != event["window"]:
        first = registry.open_window(key, event["execution"], int(now.timestamp()), settings.request_window())
        if first != event["execution"]:
            raise RequestRepeatedError(f"The user was asked for in another spelling, by {first}.")
