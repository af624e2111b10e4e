"""SES's SMTP endpoint: the logins, answers and faults that a client of the real one meets."""

# ruff: noqa: N802, SLF001  # aiosmtpd calls its hooks by names with capitals; MiniStack has no public way in

from __future__ import annotations

import asyncio
import hmac
import logging
import ssl
import threading
import time
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.utils import parseaddr
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol, cast

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from local.emulator.call_log import Operation
from local.emulator.mailbox import Mail, moment
from local.emulator.patches import suppression, tracking
from local.emulator.patches.base import module
from local.emulator.patches.configuration_sets import default_sets
from local.emulator.patches.permissions import Checked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from socket import socket

    from aiosmtpd.smtp import Envelope, Session

    from local.emulator.faults import Faults
    from local.emulator.mailbox import Mailbox

CA_FILE = "smtp-ca.pem"
DEFAULT_KEY_DELAY_SECONDS = 2.0

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
_LARGEST_MAIL = 40 * 1024 * 1024
_ACTION = "ses:SendRawEmail"
# What SES answers; https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html
_REFUSED_LOGIN = "535 Authentication Credentials Invalid"
_NOT_VERIFIED = (
    "554 Message rejected: Email address is not verified. The following identities failed the check"
)
_NOT_ALLOWED = "554 Access denied: the user is not authorized to perform `ses:SendRawEmail`"


class Accounts(Protocol):
    """What the endpoint asks of IAM and SES."""

    def key(self, key_id: str) -> AccessKey | None:
        """Find an access key."""

    def senders(self) -> Iterable[str]:
        """List the identities SES has verified: addresses and domains."""

    def may_send(self, key_id: str, sender: str) -> bool:
        """Say whether the key's owner may send from an address."""

    def deliverable(self, recipients: Iterable[str]) -> list[str]:
        """Return those recipients that are not on the suppression list."""


@dataclass(frozen=True)
class AccessKey:
    """An access key as IAM knows it; made at `created`, in Unix seconds."""

    secret: str = field(repr=False)
    active: bool
    created: float


def password_of(secret: str, region: str) -> str:
    """Compute the SMTP password of a secret access key.

    Apart from the product's own code, on purpose: each would show a mistake in the other.
    """
    chain = [b"11111111", region.encode(), b"ses", b"aws4_request", b"SendRawEmail"]
    signature = ("AWS4" + secret).encode("utf-8")
    while chain:
        signature = hmac.new(signature, chain.pop(0), sha256).digest()
    return b64encode(bytes([4, *signature])).decode("ascii")


class EmulatedAccounts:
    """IAM and SES as MiniStack has them."""

    def key(self, key_id: str) -> AccessKey | None:
        """Find an access key."""
        found = module("services.iam", "_access_keys")._access_keys.get(key_id)
        if found is None:
            return None
        created = datetime.fromisoformat(found["CreateDate"]).timestamp()
        return AccessKey(found["SecretAccessKey"], found["Status"] == "Active", created)

    @staticmethod
    def secrets() -> dict[str, str]:
        """Return the secret of each access key, for tests that search for leaks."""
        keys = module("services.iam", "_access_keys")._access_keys.items()
        return {key_id: key["SecretAccessKey"] for key_id, key in keys}

    def senders(self) -> Iterable[str]:
        """List the verified identities."""
        return list(module("services.ses_v2", "_identities")._identities)

    def may_send(self, key_id: str, sender: str) -> bool:
        """Say whether the key's owner may send from an address."""
        region, account = module("services.iam").get_region(), module("services.iam").get_account_id()
        identity = f"arn:aws:ses:{region}:{account}:identity/{sender}"
        resource = Checked([identity, *default_sets(sender)], {"ses:FromAddress": sender})
        evaluator = module("core.iam_evaluator", "enforce")
        return evaluator.enforce(key_id, _ACTION, "ses", region, resource_arn=resource) is None

    def deliverable(self, recipients: Iterable[str]) -> list[str]:
        """Return those recipients that are not on the suppression list."""
        return suppression.deliverable(recipients)


@dataclass
class SmtpEndpoint:
    """The endpoint: it listens from `start` on, in a thread of its own, so that no function can hold it up.

    Faults speak of it as the service `smtp`, with the actions `Connect`, `Login`, `Mail`, `Recipient` and
    `Data`; a fault's `error` is the reply's code, its `message` the text, and with `crash` the connection
    drops without a reply.
    """

    mailbox: Mailbox
    faults: Faults
    accounts: Accounts
    region: str
    # AWS: a new key starts working after about eight seconds.
    key_delay_seconds: float = DEFAULT_KEY_DELAY_SECONDS

    def start(self, listener: socket, ca_file: Path) -> None:
        """Listen, with a certificate whose authority is written to a file."""
        # It would log each line of each conversation.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        host = listener.getsockname()[0]
        authority.issue_cert(host, "localhost").configure_cert(context)
        threading.Thread(target=self._serve, args=(listener, context), daemon=True).start()

    def _serve(self, listener: socket, context: ssl.SSLContext) -> None:
        async def serve() -> None:
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: Conversation(self, context, loop), sock=listener)
            await server.serve_forever()

        asyncio.run(serve())

    def accepts(self, login: str, password: str, now: float) -> bool:
        """Say whether a login is one of an active key of a user who may send from some verified identity."""
        key = self.accounts.key(login)
        if key is None or not key.active or now < key.created + self.key_delay_seconds:
            return False
        if not hmac.compare_digest(password_of(key.secret, self.region).encode(), password.encode()):
            return False
        return any(self.accounts.may_send(login, sender) for sender in self.accounts.senders())

    def refusal(self, login: str, sender: str) -> str | None:
        """Return the answer to a mail that its sender may not send; None where it may."""
        verified = set(self.accounts.senders())
        if sender not in verified and sender.rpartition("@")[2] not in verified:
            return f"{_NOT_VERIFIED} in region {self.region.upper()}: {sender}"
        return None if self.accounts.may_send(login, sender) else _NOT_ALLOWED

    async def meet(self, server: Conversation, action: str, text: str) -> str | None:
        """Return the reply that a fault gives to a step of a conversation, after the delay that it has.

        Raises ConnectionResetError where the fault drops the connection.
        """
        fault = self.faults.take(Operation("smtp", "smtp", action), text.encode())
        if fault is None:
            return None
        await asyncio.sleep(fault.delay_seconds)
        if fault.crash:
            server.connection.abort()
            raise ConnectionResetError
        return f"{fault.error} {fault.message}" if fault.answers else None


class Conversation(SMTP):
    """One connection."""

    def __init__(
        self, endpoint: SmtpEndpoint, context: ssl.SSLContext, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Prepare for a client."""
        self._endpoint = endpoint
        self.login = ""
        super().__init__(
            Steps(endpoint),
            hostname="email-smtp.local",
            ident="ESMTP SimpleEmailService",
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=self._log_in,
            data_size_limit=_LARGEST_MAIL,
            loop=loop,
        )

    async def _handle_client(self) -> None:
        """Greet the client, unless a fault does."""
        reply = await self._endpoint.meet(self, "Connect", "")
        if reply is None:
            await super()._handle_client()
            return
        await self.push(reply)
        self.connection.close()

    @property
    def connection(self) -> asyncio.Transport:
        """The connection, as long as there is one."""
        return cast("asyncio.Transport", self.transport)

    async def smtp_AUTH(self, arg: str) -> None:
        """Log in, unless a fault stands in the way."""
        reply = await self._endpoint.meet(self, "Login", "")
        if reply is None:
            await super().smtp_AUTH(arg)
        else:
            await self.push(reply)

    def _log_in(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.login = data.login.decode()
        success = self._endpoint.accepts(self.login, data.password.decode(), time.time())
        message = None if success else _REFUSED_LOGIN
        return AuthResult(success=success, handled=False, message=message, auth_data=data)


@dataclass(frozen=True)
class Steps:
    """What happens at each step of sending a mail; aiosmtpd finds the methods by their names."""

    endpoint: SmtpEndpoint

    async def handle_MAIL(
        self, server: Conversation, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the envelope's sender."""
        reply = await self.endpoint.meet(server, "Mail", address)
        if reply is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply or "250 Ok"

    async def handle_RCPT(
        self, server: Conversation, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient."""
        reply = await self.endpoint.meet(server, "Recipient", address)
        if reply is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return reply or "250 Ok"

    async def handle_DATA(self, server: Conversation, _session: Session, envelope: Envelope) -> str:
        """Take a mail."""
        content = envelope.content
        if not isinstance(content, bytes):
            raise TypeError("aiosmtpd gives bytes unless it was told to decode them")
        reply = await self.endpoint.meet(server, "Data", content.decode("utf-8", "replace"))
        mail = read_mail(content, self.endpoint.accounts.deliverable(envelope.rcpt_tos), time.time())
        reply = reply or self.endpoint.refusal(server.login, parseaddr(mail.sender)[1])
        if reply is None and mail.to:
            self.endpoint.mailbox.add(mail)
        return reply or "250 Ok"


def read_mail(content: bytes, recipients: Sequence[str], sent_at: float) -> Mail:
    """Read a mail as its reader sees it."""
    message = message_from_bytes(content, policy=policy.default)

    def body(kind: str) -> str:
        part = message.get_body((kind,))
        return str(part.get_content()).replace("\r\n", "\n") if part else ""

    return Mail(
        via="smtp",
        sender=str(message.get("From", "")),
        to=tuple(recipients),
        subject=str(message.get("Subject", "")),
        text=body("plain"),
        html=tracking.as_delivered(body("html")),
        sent_at=moment(sent_at),
    )
