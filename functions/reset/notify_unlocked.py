"""NotifyUnlocked: tells the user of the directory that the account is unlocked."""

import os
from typing import NotRequired, TypedDict

from latchkey import emails, settings
from latchkey.adapters import eventbridge, registry, ses
from latchkey.domain.claims import asked_for
from latchkey.domain.request_links import request_link
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
    eventbridge.publish("Unlocked", event["execution"], event["user"])
    registry.close_windows(asked_for(event["user"], unlock=True), event["window"], event["execution"])
    link = request_link(os.environ["REQUEST_PAGE"], directory=True)
    values = {"user": event["name"], "link": link}
    mail = emails.render("unlocked", values, event.get("language", ""), settings.style())
    ses.send_notice(mail, os.environ["SENDER_ADDRESS"], event["name"], event["mail"])
