"""POST /generate: starts a reset and says the same to everybody, whoever the user is."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from latchkey import events, sfn
from latchkey.access import refuse_strangers, refuse_unsigned
from latchkey.claims import execution_name
from latchkey.entry import endpoint, logger
from latchkey.http import Answer, answer, read_fields, text_field
from latchkey.users import MAXIMUM_NAME_CHARACTERS

SUBMITTED = "Your request has been submitted. Please check your email for further details"


@endpoint
def handler(event: dict[str, Any], _context: object) -> Answer:
    user = text_field(read_fields(event), "user", MAXIMUM_NAME_CHARACTERS)
    match os.environ["REQUEST_ACCESS"]:
        case "Iam":
            refuse_unsigned(event["requestContext"])
        case "Cognito":
            refuse_strangers(event["requestContext"], user, os.environ["HELPDESK_GROUP"])
    request_reset(user, event["requestContext"]["requestId"], datetime.now(UTC))
    return answer(202, {"message": SUBMITTED})


def request_reset(user: str, request: str, now: datetime) -> None:
    """Start the one reset the user may have now; a repeated request changes nothing."""
    name = execution_name(user, now, timedelta(minutes=int(os.environ["REQUEST_WINDOW_MINUTES"])))
    logger.append_keys(execution=name)
    # Whatever is not known to authenticate does not: then the mailbox's owner is asked first.
    confirm = os.environ["REQUEST_ACCESS"] not in {"Iam", "Cognito"}
    if sfn.start_reset(user, name, request, confirm=confirm):
        events.tell("Requested", name)
