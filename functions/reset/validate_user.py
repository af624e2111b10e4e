"""ValidateUser: lets through only users who have a password, may have it reset, and can get mail."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

from latchkey import settings
from latchkey.adapters import directory, eventbridge, iam, registry, user_index
from latchkey.adapters.ses_status import read_sending_status
from latchkey.domain.claims import asked_for, user_key
from latchkey.domain.deliverability import ensure_deliverable
from latchkey.domain.directory_users import is_in_directory
from latchkey.domain.user_index import is_known_as
from latchkey.domain.users import IamUser, has_broken_mail_tag, mail_address, preferred_language
from latchkey.errors import (
    AddressSharedError,
    NotOwnAccountError,
    RejectedError,
    RequestRepeatedError,
    UserNotEligibleError,
    UserNotFoundError,
)
from latchkey.handler import task_handler


class Event(TypedDict):
    """What is to be validated.

    `window`: the key of the window of requests that let the reset through; empty else, and after a yes.
    `confirm`: whether the mailbox's owner has still to be asked.
    `address`: the verified address of the person who asks, by which the user has to be known; empty where any
    user will do, and after a yes.
    `unlock`: whether the account is to be unlocked, and nothing else.
    """

    execution: str
    user: str
    window: str
    confirm: bool
    address: str
    unlock: bool


class Result(TypedDict):
    """What is known of the user.

    `name`: what the user types to sign in.
    `denied`: why the user could not choose a password after the reset; empty where they can.
    `policy`: what a directory asks of the password.
    """

    user: str
    name: str
    mail: str
    language: str
    denied: str
    policy: NotRequired[dict[str, Any]]


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
    """Return the user as IAM or the directory knows it, and where and in which language to write.

    Raises:
        UserNotFoundError: when there is no such user.
        AddressSharedError: when several users have the address that was typed.
        NotOwnAccountError: when a person asks for a user who is not known by that person's address.
        UserNotEligibleError: when there is no console access, no mail address, or the user is protected.
        AddressSuppressedError: when SES would not deliver to the user's address.
        MailRefusedError: when SES would send no mail at all; the old password goes on working.
    """
    result = find_in_directory(event) if is_in_directory(event["user"]) else find_in_iam(event)
    ensure_deliverable(read_sending_status(os.environ["SENDER_ADDRESS"], result["mail"]))
    return result


def find_in_iam(event: Event) -> Result:
    """Return the user as IAM spells it, and what would make the reset useless.

    Where the mailbox's owner has still to be asked, the latter waits for the yes: it ends in a mail and an
    alarm, and a stranger who types names must cause neither.
    """
    user = identify(event["user"], datetime.now(UTC))
    if event["address"] and not is_known_as(user, event["address"]):
        raise NotOwnAccountError("The user is not known by the mail address of the person who asks.")
    user = iam.ensure_eligible(user, settings.protection())
    if has_broken_mail_tag(user):
        eventbridge.publish("MailTagBroken", event["execution"], user.name)
    denied = "" if event["confirm"] else iam.why_change_is_denied(user)
    return {
        "user": user.name,
        "name": user.name,
        "mail": mail_address(user),
        "language": preferred_language(user),
        "denied": denied,
    }


def find_in_directory(event: Event) -> Result:
    """Return the user as the directory knows it. The holder of the password may change it there."""
    user = directory.find_eligible_user(
        os.environ["FIND_DIRECTORY_USER"], event["user"], event["execution"], event["address"]
    )
    return {
        "user": user.account,
        "name": user.name,
        "mail": user.mail,
        "language": user.language,
        "denied": "",
        "policy": user.policy.as_json(),
    }


def identify(typed: str, now: datetime) -> IamUser:
    """Return the user that is meant by a name, in any case, or by a mail address.

    The index only suggests names: IAM says whether the users are known as what was typed.

    Raises:
        UserNotFoundError: when no user is.
        AddressSharedError: when several users with a password are.
    """
    with suppress(UserNotFoundError):
        return iam.find_user(typed)
    names = user_index.find_names(typed, int(now.timestamp()), iam.list_users)
    meant = [user for user in map(_find, names) if user and is_known_as(user, typed)]
    if len(meant) > 1:
        meant = [user for user in meant if _has_password(user)]
    match meant:
        case [user]:
            return user
        case []:
            raise UserNotFoundError("The account has no user of that name.")
    sharing = ", ".join(user.name for user in meant)
    raise AddressSharedError(f"Mails of several users go to the same address: {sharing}.")


def _find(name: str) -> IamUser | None:
    try:
        return iam.find_user(name)
    except UserNotFoundError:
        return None


def _has_password(user: IamUser) -> bool:
    try:
        iam.login_profile(user.name)
    except UserNotEligibleError:
        return False
    return True


def refuse_repeated(event: Event, user: str, now: datetime) -> None:
    """Let only one reset of a user go on at a time, in whichever spelling it was asked for.

    The window of what was typed is open already. Where IAM spells the name otherwise, that name has a window
    too: else every spelling could bring the user a mail.

    Raises:
        RequestRepeatedError: when another request for the user was first.
    """
    key = user_key(asked_for(user, unlock=event["unlock"]))
    if key != event["window"]:
        first = registry.open_window(key, event["execution"], int(now.timestamp()), settings.request_window())
        if first != event["execution"]:
            raise RequestRepeatedError(f"The user was asked for in another spelling, by {first}.")
