"""NotifyClaimed: tells the user that the password was shown, and what to do if that was somebody else."""

from datetime import datetime
from typing import TypedDict

from latchkey import mails, ses
from latchkey.entry import count, task


class Event(TypedDict):
    execution: str
    user: str
    mail: str
    claimed_at: str
    claimed_from: str


@task
def handler(event: Event, _context: object) -> None:
    count("Claimed")
    claimed_at = mails.in_words(datetime.fromisoformat(event["claimed_at"]))
    words = {"user": event["user"], "claimed_at": claimed_at, "claimed_from": event["claimed_from"]}
    ses.send(mails.render("claimed", words), event["mail"])
