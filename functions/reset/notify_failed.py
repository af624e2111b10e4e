"""NotifyFailed: tells the user that the reset did not work, and how to ask again."""

from typing import TypedDict

from latchkey import events, mails, ses, ssm
from latchkey.entry import task


class Event(TypedDict):
    execution: str
    user: str
    mail: str


@task
def handler(event: Event, _context: object) -> None:
    events.tell("Failed", event["execution"], event["user"])
    words = {"user": event["user"], "request_url": f"{ssm.base_url()}/generate"}
    ses.send(mails.render("failed", words), event["mail"])
