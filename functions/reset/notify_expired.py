"""NotifyExpired: tells the user that nobody opened the link in time, and how to ask again."""

from typing import TypedDict

from latchkey import events, mails, ses, ssm
from latchkey.entry import task


class Event(TypedDict):
    execution: str
    user: str
    mail: str


@task
def handler(event: Event, _context: object) -> None:
    events.tell("Expired", event["execution"], event["user"])
    words = {"user": event["user"], "request_url": f"{ssm.base_url()}/generate"}
    ses.send(mails.render("expired", words), event["mail"])
