"""Mails as they arrive, in tests that need no server."""

from email import message_from_bytes
from email.policy import SMTP
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from latchkey.domain.claims import Handle


class Mail(NamedTuple):
    """A mail: to whom, separated by commas, and what people read."""

    to: str
    subject: str
    text: str

    def link(self) -> tuple[str, Handle, str]:
        """Return the page, the handle and the secret of the mail's one link with a fragment."""
        (line,) = [line for line in self.text.splitlines() if "#ph=" in line]
        link = urlsplit(line)
        assert (link.netloc, link.query) == ("reset.example.com", "")
        values = dict(parse_qsl(link.fragment, strict_parsing=True))
        assert values.keys() == {"ph", "rs"}
        handle = Handle.parse(values["ph"])
        assert handle
        return link.path, handle, values["rs"]


class Mailbox:
    """Stands for the SMTP client; `errors` has how it refuses a recipient. It joins the lines of a text."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.errors: dict[str, Exception] = {}

    def __call__(self, *_: object) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def mailed(self) -> list[str]:
        """To whom a mail went, in order."""
        return [mail.to for mail in self.mails]

    def send(self, message: bytes, _sender: str, recipient: str) -> None:
        if recipient in self.errors:
            raise self.errors[recipient]
        read = message_from_bytes(message, policy=SMTP)
        text = read.get_body(("plain",))
        assert text is not None
        self.mails.append(Mail(recipient, read["Subject"], " ".join(text.get_content().split())))
