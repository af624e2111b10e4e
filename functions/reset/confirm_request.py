"""ConfirmRequest: asks the mailbox's owner before anything changes, where anybody may ask for a reset."""

import os
from datetime import datetime
from typing import TypedDict

from latchkey import events, mails, ses
from latchkey.adapters import action_links
from latchkey.claims import request_handle
from latchkey.domain.action_links import LinkKind
from latchkey.entry import task


class Event(TypedDict):
    execution: str
    user: str
    mail: str
    entered_at: str
    task_token: str


@task
def handler(event: Event, _context: object) -> None:
    handle = request_handle(event["user"], event["execution"], datetime.fromisoformat(event["entered_at"]))
    fragment = action_links.issue(
        LinkKind.QUESTION,
        handle,
        user=event["user"],
        execution=event["execution"],
        task_token=event["task_token"],
    )
    words = {
        "user": event["user"],
        "link": f"{os.environ['BASE_URL']}/confirm#{fragment}",
        "expires_at": mails.in_words(handle.expires_at),
    }
    ses.send(mails.render("confirm_request", words), event["mail"])
    events.tell("Asked", event["execution"], event["user"])
