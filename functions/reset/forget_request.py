"""ForgetRequest: deletes what waited for an answer that did not come."""

from datetime import datetime
from typing import TypedDict

from latchkey import events, ssm
from latchkey.claims import TicketKind, request_handle
from latchkey.entry import task


class Event(TypedDict):
    execution: str
    user: str
    entered_at: str


@task
def handler(event: Event, _context: object) -> None:
    handle = request_handle(event["user"], event["execution"], datetime.fromisoformat(event["entered_at"]))
    ssm.delete_ticket(TicketKind.REQUEST, handle)
    events.tell("Unconfirmed", event["execution"], event["user"])
