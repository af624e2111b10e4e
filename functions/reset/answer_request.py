"""POST /confirm: the mailbox's owner says whether the reset was their wish."""

from datetime import UTC, datetime
from typing import Any

from latchkey import events, ssm, task_tokens, tickets
from latchkey.claims import TicketKind
from latchkey.entry import endpoint, logger
from latchkey.errors import BadRequestError
from latchkey.http import Answer, answer, read_body_fields, read_link, text_field

LONGEST_ANSWER = 3


@endpoint
def handler(event: dict[str, Any], _context: object) -> Answer:
    handle, link_secret = read_link(event)
    wanted = read_answer(event)
    answer_request(
        handle,
        link_secret,
        datetime.now(UTC),
        wanted=wanted,
        source_ip=event["requestContext"]["identity"]["sourceIp"],
    )
    message = "Your answer has been noted. A link follows by mail." if wanted else "Nothing has been changed."
    return answer(200, {"message": message})


def read_answer(event: dict[str, Any]) -> bool:
    """Tell whether the answer is `yes`.

    Raises:
        BadRequestError: when it is neither `yes` nor `no`.
    """
    said = text_field(read_body_fields(event), "answer", LONGEST_ANSWER)
    if said not in {"yes", "no"}:
        raise BadRequestError("answer", "The field 'answer' must be 'yes' or 'no'.")
    return said == "yes"


def answer_request(
    handle_text: str, link_secret: str, now: datetime, *, wanted: bool, source_ip: str
) -> None:
    """Hand the answer to the waiting execution, which takes one.

    The ticket goes last: an answer that got lost on its way can be given again.

    Raises:
        ClaimGoneError: when nobody waits for the answer: given already, too late, or never asked.
    """
    handle, ticket = tickets.present(TicketKind.REQUEST, handle_text, link_secret, now)
    logger.append_keys(execution=ticket.execution)
    if wanted:
        task_tokens.confirm_request(ticket.task_token, now, source_ip)
    else:
        task_tokens.decline_request(ticket.task_token)
    events.tell("Confirmed" if wanted else "Declined", ticket.execution, ticket.user)
    ssm.delete_ticket(TicketKind.REQUEST, handle)
