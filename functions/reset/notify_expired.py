"""NotifyExpired: tells the user that the link was not opened in time, and how to ask again."""

import os
from typing import NotRequired, TypedDict

from latchkey import emails, settings
from latchkey.adapters import eventbridge, registry, ses
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str
    user: str
    name: str
    mail: str
    language: NotRequired[str]
    window: str


@task_handler
def handler(event: Event, _context: object) -> None:
    eventbridge.publish("Expired", event["execution"], event["user"])
    registry.close_windows(event["user"], event["window"], event["execution"])
    values = {"user": event["name"], "link": f"{os.environ['BASE_URL']}/generate"}
    mail = emails.render("expired", values, event.get("language", ""), settings.style())
    ses.send_notice(mail, os.environ["SENDER_ADDRESS"], event["name"], event["mail"])
