"""A mail as the bytes that SMTP carries: only ASCII, which every server on the way takes.

Python's older classes of `email.mime` make them: folding and encoding by the newer policies takes five times
as long, which was most of what a reminder took.
"""

from dataclasses import dataclass
from email.charset import QP, Charset
from email.header import Header
from email.headerregistry import Address
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from email.utils import formataddr

from latchkey.emails import Mail
from latchkey.errors import RecipientRefusedError
from latchkey.languages.text import one_line

_POLICY = compat32.clone(linesep="\r\n")

_CHARSET = Charset("utf-8")
_CHARSET.body_encoding = QP

#: So many bytes take 60 characters of base64, which leaves room for what stands around them and for `To:`.
_ONE_ENCODED_WORD = 45


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
    # No line of a quoted-printable body begins like the boundary (RFC 2045, 6.7).
    message = MIMEMultipart("alternative", boundary=f"=_{envelope.id}", policy=_POLICY)
    message["To"] = _recipient(envelope)
    message["From"] = envelope.sender
    message["Reply-To"] = envelope.reply_to
    message["Subject"] = Header(one_line(mail.subject), header_name="Subject").encode()
    # SES puts an id of its own in its place; other servers keep it.
    message["Message-ID"] = f"<{envelope.id}@{envelope.sender.rpartition('@')[2]}>"
    # RFC 3834: no vacation reply should answer this.
    message["Auto-Submitted"] = "auto-generated"
    for subtype, text in ("plain", mail.text), ("html", mail.html):
        part = MIMENonMultipart("text", subtype, policy=_POLICY)
        part.set_payload("\n".join([*text.splitlines(), ""]), _CHARSET)
        message.attach(part)
    return message.as_bytes()


def _recipient(envelope: Envelope) -> str:
    name = display_name(envelope.name)
    try:
        envelope.to.encode("ascii")
        address = Address(name, addr_spec=envelope.to)
    except Exception as error:  # what Python's parser makes of odd addresses differs from patch to patch
        raise RecipientRefusedError("The mail address is not one that a mail can be sent to.") from error
    return str(address) if name.isascii() else formataddr((name, address.addr_spec))
