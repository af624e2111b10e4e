"""ConfirmRequest: asks the mailbox's owner before anything changes, where anyone may ask for a reset."""

import os
from datetime import datetime

from latchkey import addressees, emails, settings
from latchkey.adapters import action_links, eventbridge, ses
from latchkey.domain.action_links import LinkKind
from latchkey.domain.claims import MailedLink, request_handle
from latchkey.handler import task_handler


class Event(addressees.Event):
    unlock: bool
    entered_at: str
    task_token: str


@task_handler
def handler(event: Event, _context: object) -> None:
    user = addressees.eligible(event, settings.protection())
    handle = request_handle(user.account, event["execution"], datetime.fromisoformat(event["entered_at"]))
    secret = action_links.issue(
        LinkKind.QUESTION,
        handle,
        user=user.account,
        execution=event["execution"],
        task_token=event["task_token"],
    )
    link = MailedLink("unlock" if event["unlock"] else "confirm", str(handle), secret)
    mail = emails.render(
        "confirm_unlock" if event["unlock"] else "confirm_request",
        {"user": user.name, **link.words(os.environ["BASE_URL"]), "expires_at": handle.expires_at},
        event["language"],
        settings.style(),
    )
    ses.send(mail, os.environ["SENDER_ADDRESS"], user.mail)
    eventbridge.publish("Asked", event["execution"], user.account)
