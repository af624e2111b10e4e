"""NotifyExpired: tells the user that nobody opened the link in time, and how to ask again."""

import os
from typing import TypedDict

from latchkey import events, mails, ses
from latchkey.adapters import registry
from latchkey.entry import task


class Event(TypedDict):
    execution: str
    user: str
    mail: str
    window: str


@task
def handler(event: Event, _context: object) -> None:
    events.tell("Expired", event["execution"], event["user"])
    registry.close_windows(event["user"], event["window"], event["execution"])
    words = {"user": event["user"], "request_url": f"{os.environ['BASE_URL']}/generate"}
    ses.send_notice(mails.render("expired", words), event["user"], event["mail"])
