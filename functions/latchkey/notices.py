"""The mails that tell users how their reset ended, and where to ask again."""

import os
from typing import TypedDict

from latchkey import emails, settings
from latchkey.adapters import ses
from latchkey.domain.directory_users import is_in_directory
from latchkey.domain.request_links import request_link


class Event(TypedDict):
    """A reset that ended; `name` is what its user types to sign in."""

    execution: str
    user: str
    name: str
    mail: str
    language: str
    window: str


def send(text: str, event: Event) -> None:
    """Mail the user of a reset a notice, by the name of its text.

    Raises:
        MailRefusedError: when SES will not send to the user's address, now or ever.
    """
    link = request_link(os.environ["REQUEST_PAGE"], directory=is_in_directory(event["user"]))
    mail = emails.render(text, {"user": event["name"], "link": link}, event["language"], settings.style())
    ses.send_notice(mail, os.environ["SENDER_ADDRESS"], event["name"], event["mail"])
