"""POST /generate: starts a reset; the answer is the same for every user, real or not."""

import os
from datetime import UTC, datetime
from typing import Any

from latchkey import settings
from latchkey.adapters import registry, stepfunctions
from latchkey.domain.claims import new_execution_name, user_key
from latchkey.domain.users import MAXIMUM_NAME_CHARACTERS, is_possible_name
from latchkey.handler import api_handler
from latchkey.observability import logger
from latchkey.web.access import authorize_request, ensure_signed
from latchkey.web.http import Response, answer, read_fields, text_field

SUBMITTED = "Your request has been submitted. Please check your email for further details"


@api_handler
def handler(event: dict[str, Any], _context: object) -> Response:
    user = text_field(read_fields(event), "user", MAXIMUM_NAME_CHARACTERS)
    match os.environ["REQUEST_ACCESS"]:
        case "Iam":
            ensure_signed(event["requestContext"])
        case "Cognito":
            authorize_request(event["requestContext"], user, os.environ["HELPDESK_GROUP"])
    # What cannot be a name goes no further, and into no log: it may be a password.
    if is_possible_name(user):
        request_reset(user, datetime.now(UTC))
    return answer(202, {"message": SUBMITTED})


def request_reset(user: str, now: datetime) -> None:
    """Start the one reset the user may have now, by the name that is noted for it.

    The first request and repeated ones make the same two calls. A repeated one starts what the first noted:
    that changes nothing, unless the first one's function crashed in between.
    """
    # Any other value means no authentication: then the mailbox's owner is asked first.
    confirm = os.environ["REQUEST_ACCESS"] not in {"Iam", "Cognito"}
    window = user_key(user)
    name = registry.open_window(
        window, new_execution_name(user), int(now.timestamp()), settings.request_window()
    )
    logger.append_keys(execution=name)
    stepfunctions.start_reset(user, name, window, confirm=confirm)
