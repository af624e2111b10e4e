"""ExpireRequest: deletes what waited for an answer that did not come."""

from datetime import datetime
from typing import TypedDict

from latchkey.adapters import action_links, eventbridge
from latchkey.domain.action_links import LinkKind
from latchkey.domain.claims import request_handle
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str
    user: str
    entered_at: str


@task_handler
def handler(event: Event, _context: object) -> None:
    handle = request_handle(event["user"], event["execution"], datetime.fromisoformat(event["entered_at"]))
    action_links.delete(LinkKind.QUESTION, handle)
    eventbridge.publish("Unconfirmed", event["execution"], event["user"])
