"""Where the reminders' mails arrive, in tests that need no server."""

from email import message_from_bytes
from email.policy import SMTP
from typing import NamedTuple, Self


class Mail(NamedTuple):
    """A mail as it arrives; the lines of its text are joined."""

    to: str
    subject: str
    text: str


class Mailbox:
    """Stands for the SMTP client, and reads the mails it gets; `errors` has how it refuses a recipient."""

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
