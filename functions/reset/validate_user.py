"""ValidateUser: lets through only users who have a password, may have it reset, and can get mail."""

import os
from datetime import UTC, datetime
from typing import TypedDict

from latchkey import settings
from latchkey.adapters import eventbridge, iam, registry
from latchkey.adapters.ses_status import read_sending_status
from latchkey.domain.claims import user_key
from latchkey.domain.deliverability import ensure_deliverable
from latchkey.domain.users import has_broken_mail_tag, mail_address
from latchkey.errors import RejectedError, RequestRepeatedError
from latchkey.handler import task_handler


class Event(TypedDict):
    """`window`: the key of the window of requests that let the reset through; empty else, and after a yes.

    `confirm`: whether the mailbox's owner has still to be asked.
    """

    execution: str
    user: str
    window: str
    confirm: bool


class Result(TypedDict):
    """`denied`: why the user could not choose a password after the reset; empty where they can."""

    user: str
    mail: str
    denied: str


@task_handler
def handler(event: Event, _context: object) -> Result:
    if event["window"]:
        eventbridge.publish("Requested", event["execution"])
    try:
        result = validate_user(event)
        if event["window"]:
            refuse_repeated(event, result["user"], datetime.now(UTC))
    except RejectedError:
        eventbridge.publish("Rejected", event["execution"])
        raise
    return result


def validate_user(event: Event) -> Result:
    """Return the user as IAM spells it, the address to write to, and what would make the reset useless.

    Where the mailbox's owner has still to be asked, the latter waits for the yes: it ends in a mail and an
    alarm, and a stranger who types names must cause neither.

    Raises:
        UserNotFoundError: when there is no such user.
        UserNotEligibleError: when there is no console access, no mail address, or the user is protected.
        AddressSuppressedError: when SES would not deliver to the user's address.
        MailRefusedError: when SES would send no mail at all; the old password goes on working.
    """
    user = iam.find_eligible_user(event["user"], settings.protection())
    if has_broken_mail_tag(user):
        eventbridge.publish("MailTagBroken", event["execution"], user.name)
    mail = mail_address(user)
    ensure_deliverable(read_sending_status(os.environ["SENDER_ADDRESS"], mail))
    denied = "" if event["confirm"] else iam.why_change_is_denied(user)
    return {"user": user.name, "mail": mail, "denied": denied}


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
