"""ValidateUser: lets through only those who have a password to reset, may have it reset, and can get mail."""

import os
from dataclasses import replace
from typing import TypedDict

from latchkey import events, iam
from latchkey.adapters.ses_status import read_sending_status
from latchkey.domain.deliverability import ensure_deliverable
from latchkey.entry import task
from latchkey.errors import AddressSuppressedError, UserNotEligibleError, UserNotFoundError
from latchkey.users import Protection, mail_address, refuse_protected


class Event(TypedDict):
    execution: str
    user: str


class Result(TypedDict):
    user: str
    mail: str


@task
def handler(event: Event, _context: object) -> Result:
    try:
        return validate_user(event["user"])
    except (UserNotFoundError, UserNotEligibleError, AddressSuppressedError):
        events.tell("Rejected", event["execution"])
        raise


def validate_user(name: str) -> Result:
    """Return the user as IAM spells it, and the address to write to.

    Raises:
        UserNotFoundError: when there is no such user.
        UserNotEligibleError: when there is no console access, no mail address, or the user is protected.
        AddressSuppressedError: when SES would not deliver to the user's address.
        MailRefusedError: when SES would send no mail at all; the old password goes on working.
    """
    user = iam.find_user(name)
    user = replace(user, groups=iam.groups_of(user.name))
    refuse_protected(user, Protection.of(os.environ["PROTECTED_PATH_PREFIX"], os.environ["PROTECTED_GROUPS"]))
    iam.must_change_password(user.name)
    mail = mail_address(user)
    ensure_deliverable(read_sending_status(os.environ["SENDER_ADDRESS"], mail))
    return {"user": user.name, "mail": mail}
