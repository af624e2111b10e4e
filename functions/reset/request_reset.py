"""POST /generate: starts a reset; the answer is the same for every user, real or not."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from latchkey import settings
from latchkey.adapters import registry, stepfunctions
from latchkey.domain import directory_users, users
from latchkey.domain.claims import asked_for, new_execution_name, user_key
from latchkey.domain.directory_users import account_name, is_in_directory
from latchkey.domain.request_fields import MAXIMUM_ADDRESS_CHARACTERS, AccountKind, RequestAccess, Wish
from latchkey.domain.users import is_mail_address
from latchkey.errors import BadRequestError
from latchkey.handler import api_handler
from latchkey.observability import logger
from latchkey.web.access import authorize_request, ensure_signed, verified_address
from latchkey.web.http import Response, choice_field, json_response, read_fields, text_field

SUBMITTED = "Your request has been submitted. Please check your email for further details"


@api_handler
def handler(event: dict[str, Any], _context: object) -> Response:
    fields = read_fields(event)
    kind = account_kind(fields)
    unlock = wants_unlock(fields, kind)
    user = text_field(fields, "user", MAXIMUM_ADDRESS_CHARACTERS)
    if kind is AccountKind.AWS and not is_mail_address(user):
        user = text_field(fields, "user", users.MAXIMUM_NAME_CHARACTERS)
    address = required_address(event["requestContext"], user, kind)
    account = account_of(user, kind)
    if account:
        request_reset(account, datetime.now(UTC), address, unlock=unlock)
    return json_response(202, {"message": SUBMITTED})


def required_address(context: Mapping[str, Any], user: str, kind: AccountKind) -> str:
    """Return the mail address by which the account has to be known; empty where any account may be asked for.

    Raises:
        NotAuthenticatedError: when API Gateway verified no caller although the stack asks it to.
        NotAllowedError: when the person who asks may not ask for that user.
    """
    helpdesk, client = os.environ["HELPDESK_GROUP"], os.environ["USER_POOL_CLIENT_ID"]
    match settings.request_access(), kind:
        case RequestAccess.IAM, _:
            ensure_signed(context)
        case RequestAccess.COGNITO, AccountKind.AWS:
            return authorize_request(context, user, helpdesk, client)
        case RequestAccess.COGNITO, AccountKind.DIRECTORY:
            return verified_address(context, helpdesk, client)
    return ""


def account_of(typed: str, kind: AccountKind) -> str:
    """Return the account that is asked for; empty where a text can be no name and no address.

    Such a text goes no further, and into no log: it may be a password.
    """
    if kind is AccountKind.DIRECTORY:
        return account_name(typed) if directory_users.is_possible_name(typed) else ""
    possible = users.is_possible_name(typed) or (is_mail_address(typed) and not is_in_directory(typed))
    return typed if possible else ""


def account_kind(fields: Mapping[str, object]) -> AccountKind:
    """Return which of the user's accounts is meant: the AWS account's, unless a directory is there and named.

    Raises:
        BadRequestError: when it is neither, or there is no directory.
    """
    kind = choice_field(fields, "account", AccountKind.AWS)
    if kind is AccountKind.DIRECTORY and not settings.resets_directory_users():
        raise BadRequestError("account", "The field 'account' must be: aws.")
    return kind


def wants_unlock(fields: Mapping[str, object], kind: AccountKind) -> bool:
    """Tell whether the account is to be unlocked, and nothing else.

    Raises:
        BadRequestError: when the field names neither wish, or accounts of that kind are never locked.
    """
    unlock = choice_field(fields, "wish", Wish.RESET) is Wish.UNLOCK
    if unlock and kind is AccountKind.AWS:
        raise BadRequestError("wish", "Accounts of AWS are never locked.")
    return unlock


def request_reset(account: str, now: datetime, address: str, *, unlock: bool) -> None:
    """Start the one reset the user may have now, by the name that is noted for it.

    The first request and repeated ones make the same two calls. A repeated one starts what the first noted:
    that changes nothing, unless the first one's function crashed in between.
    """
    # Where nothing says who asks, the mailbox's owner is asked first. About an unlocking the machine always
    # asks.
    confirm = settings.request_access() is RequestAccess.PUBLIC
    # Until it is known whose the account is, a person's requests swallow no one else's.
    asker = "" if address.lower() == account.lower() else address
    window = user_key(asked_for(f"{asker} {account}".lstrip(), unlock=unlock))
    name = registry.open_window(
        window, new_execution_name(account), int(now.timestamp()), settings.request_window()
    )
    logger.append_keys(execution=name)
    more: dict[str, object] = {"address": address} if address else {}
    if unlock:
        more["unlock"] = True
    stepfunctions.start_reset(account, name, window, confirm=confirm, **more)
