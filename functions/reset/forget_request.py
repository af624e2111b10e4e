"""ForgetRequest: deletes what waited for an answer that did not come."""

from typing import TypedDict

from latchkey import events, ssm
from latchkey.claims import TicketKind
from latchkey.entry import task
from reset.confirm_request import handle_of


class Event(TypedDict):
    execution: str
    user: str
    entered_at: str


@task
def handler(event: Event, _context: object) -> None:
    handle = handle_of(event["user"], event["execution"], event["entered_at"])
    ssm.delete_ticket(TicketKind.REQUEST, handle)
    events.tell("Unconfirmed", event["execution"], event["user"])
