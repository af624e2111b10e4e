"""SendClaimLink: mails the one-time link; the only place where the link secret leaves the stack."""

import os
from datetime import datetime
from typing import TypedDict

from latchkey import events, kms, mails, ses
from latchkey.entry import task


class Event(TypedDict):
    execution: str
    user: str
    mail: str
    sealed: str
    handle: str
    expires_at: str


@task
def handler(event: Event, _context: object) -> None:
    link_secret = kms.unseal(event["sealed"], event["execution"]).link_secret
    link = f"{os.environ['BASE_URL']}/extract#ph={event['handle']}&rs={link_secret}"
    expires_at = mails.in_words(datetime.fromisoformat(event["expires_at"]))
    ses.send(
        mails.render("claim_link", {"user": event["user"], "link": link, "expires_at": expires_at}),
        event["mail"],
    )
    events.tell("Completed", event["execution"], event["user"])
