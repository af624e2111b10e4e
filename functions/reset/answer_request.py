"""POST /confirm: the mailbox's owner says whether they asked for the reset."""

import os
from datetime import UTC, datetime
from typing import Any

from latchkey.adapters import action_links, eventbridge, task_tokens
from latchkey.domain.action_links import LinkKind
from latchkey.domain.claims import Handle
from latchkey.errors import BadRequestError
from latchkey.handler import api_handler
from latchkey.observability import logger
from latchkey.web.callers import caller_address
from latchkey.web.http import Response, json_response, read_body_fields, text_field
from latchkey.web.links import read_link

LONGEST_ANSWER = 3


@api_handler
def handler(event: dict[str, Any], _context: object) -> Response:
    now = datetime.now(UTC)
    wanted = read_answer(event)
    handle, link_secret = read_link(event, now)
    source_ip = caller_address(event, os.environ["PROXY_KEY_SHA256"])
    answer_request(handle, link_secret, now, wanted=wanted, source_ip=source_ip)
    message = "Your answer has been noted. A link follows by mail." if wanted else "Nothing has been changed."
    return json_response(200, {"message": message})


def read_answer(event: dict[str, Any]) -> bool:
    """Tell whether the answer is `yes`.

    Raises:
        BadRequestError: when it is neither `yes` nor `no`.
    """
    said = text_field(read_body_fields(event), "answer", LONGEST_ANSWER)
    if said not in {"yes", "no"}:
        raise BadRequestError("answer", "The field 'answer' must be 'yes' or 'no'.")
    return said == "yes"


def answer_request(handle: Handle, link_secret: str, now: datetime, *, wanted: bool, source_ip: str) -> None:
    """Hand the answer to the waiting execution, which takes one.

    The link is deleted last: an answer that got lost can be given again.

    Raises:
        ClaimGoneError: when no execution waits for the answer: given already, too late, or never asked.
    """
    link = action_links.verify(LinkKind.QUESTION, handle, link_secret)
    logger.append_keys(execution=link.execution)
    if wanted:
        task_tokens.confirm_request(link.task_token, now, source_ip)
    else:
        task_tokens.decline_request(link.task_token)
    eventbridge.publish("Confirmed" if wanted else "Declined", link.execution, link.user)
    action_links.delete(LinkKind.QUESTION, handle)
