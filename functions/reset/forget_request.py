"""ForgetRequest: deletes what waited for an answer that did not come."""

from datetime import datetime
from typing import TypedDict

from latchkey import events
from latchkey.adapters import action_links
from latchkey.claims import request_handle
from latchkey.domain.action_links import LinkKind
from latchkey.entry import task


class Event(TypedDict):
    execution: str
    user: str
    entered_at: str


@task
def handler(event: Event, _context: object) -> None:
    handle = request_handle(event["user"], event["execution"], datetime.fromisoformat(event["entered_at"]))
    action_links.delete(LinkKind.QUESTION, handle)
    events.tell("Unconfirmed", event["execution"], event["user"])
