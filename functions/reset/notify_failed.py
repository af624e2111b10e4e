"""NotifyFailed: publishes that a reset failed, and mails the user where the address is known."""

import os
from datetime import UTC, datetime
from typing import NotRequired, TypedDict

from latchkey import emails, settings
from latchkey.adapters import eventbridge, registry, ses
from latchkey.domain.claims import asked_for
from latchkey.domain.directory_users import is_in_directory
from latchkey.domain.request_links import request_link
from latchkey.errors import PasswordChangeDeniedError
from latchkey.handler import task_handler


class Event(TypedDict):
    """`user` and `mail` are empty where the user was never found: what a stranger typed gets no mail.

    `error` is the name of what failed first.
    """

    execution: str
    user: str
    name: str
    mail: str
    language: NotRequired[str]
    window: str
    unlock: bool
    error: str


@task_handler
def handler(event: Event, _context: object) -> None:
    eventbridge.publish("Failed", event["execution"], event["user"] or None)
    now = int(datetime.now(UTC).timestamp())
    registry.close_windows(
        asked_for(event["user"], unlock=event["unlock"]),
        event["window"],
        event["execution"],
        failed_at=now,
        once_in=settings.request_window(),
    )
    if not event["mail"]:
        return
    link = request_link(os.environ["REQUEST_PAGE"], directory=is_in_directory(event["user"]))
    values = {"user": event["name"], "link": link}
    name = "unlock_failed" if event["unlock"] else "failed"
    if event["error"] == PasswordChangeDeniedError.__name__:
        name = "change_denied"
    mail = emails.render(name, values, event.get("language", ""), settings.style())
    ses.send_notice(mail, os.environ["SENDER_ADDRESS"], event["name"], event["mail"])
