"""A mail as the bytes that SMTP carries."""

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from latchkey.emails import Mail
from latchkey.errors import RecipientRefusedError

#: Only ASCII, which every server on the way takes.
_POLICY = SMTP.clone(cte_type="7bit")

#: So many bytes take 60 characters of base64, which leaves room for what stands around them and for `To:`.
_ONE_ENCODED_WORD = 45


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters, which would begin another header."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def display_name(text: str) -> str:
    """Return a text as a display name; empty if mail clients would garble it.

    What is not ASCII is sent in encoded words of at most 75 characters (RFC 2047, 2), and Python's email
    package puts blanks where one ends and the next begins. So a name has to fit into one.
    """
    name = one_line(text)
    return name if name.isascii() or len(name.encode()) <= _ONE_ENCODED_WORD else ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes to whom.

    `name` is the recipient's display name, as a directory has it. `id` identifies the mail,
    without angle brackets and domain.
    """

    sender: str
    reply_to: str
    to: str
    name: str
    id: str


def compose(mail: Mail, envelope: Envelope) -> bytes:
    """Return a mail with its headers.

    Raises:
        RecipientRefusedError: when it goes to what is no address.
    """
    message = EmailMessage(_POLICY)
    try:
        message["To"] = Address(display_name(envelope.name), addr_spec=envelope.to)
    except Exception as error:  # what Python's parser makes of odd addresses differs from patch to patch
        raise RecipientRefusedError("The mail address has no form that a mail can be sent to.") from error
    message["From"] = envelope.sender
    message["Reply-To"] = envelope.reply_to
    message["Subject"] = mail.subject
    # SES puts an id of its own in its place; other servers keep it.
    message["Message-ID"] = f"<{envelope.id}@{envelope.sender.rpartition('@')[2]}>"
    # RFC 3834: no vacation reply should answer this.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message.as_bytes()
