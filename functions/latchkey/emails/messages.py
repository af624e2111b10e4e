"""A mail as the bytes that SMTP carries: only ASCII, which every server on the way takes.

Python's email package takes forty times as long, which was most of what a reminder took. Its parser says in
the tests what these bytes mean.
"""

from binascii import b2a_qp
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from email.utils import formataddr
from functools import cache

from latchkey.emails import Mail
from latchkey.errors import RecipientRefusedError

_LINE_END = "\r\n"

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
    # What quoted-printable text cannot hold (RFC 2045, 6.7).
    boundary = f"=_{envelope.id}"
    head = (
        f"To: {_recipient(envelope)}",
        f"From: {envelope.sender}",
        f"Reply-To: {envelope.reply_to}",
        f"Subject: {_encoded_subject(mail.subject)}",
        # SES puts an id of its own in its place; other servers keep it.
        f"Message-ID: <{envelope.id}@{envelope.sender.rpartition('@')[2]}>",
        # RFC 3834: no vacation reply should answer this.
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        "",
    )
    delimiter = f"--{boundary}{_LINE_END}".encode()
    return b"".join(
        (
            _LINE_END.join(head).encode("ascii"),
            delimiter,
            _part("plain", mail.text),
            delimiter,
            _part("html", mail.html),
            f"--{boundary}--{_LINE_END}".encode(),
        )
    )


def _recipient(envelope: Envelope) -> str:
    name = display_name(envelope.name)
    try:
        envelope.to.encode("ascii")
        address = Address(name, addr_spec=envelope.to)
    except Exception as error:  # what Python's parser makes of odd addresses differs from patch to patch
        raise RecipientRefusedError("The mail address has no form that a mail can be sent to.") from error
    return str(address) if name.isascii() else formataddr((name, address.addr_spec))


@cache
def _encoded_subject(subject: str) -> str:
    """Encode a subject; the thousands of mails of a run share a few."""
    return Header(one_line(subject), header_name="Subject").encode(linesep=_LINE_END)


def _part(subtype: str, text: str) -> bytes:
    head = (
        f'Content-Type: text/{subtype}; charset="utf-8"',
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "",
    )
    lines = _LINE_END.join(text.splitlines())
    return _LINE_END.join(head).encode() + b2a_qp(lines.encode()) + _LINE_END.encode()
