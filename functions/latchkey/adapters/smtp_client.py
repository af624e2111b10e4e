"""SMTP: sends many mails over one connection, at a steady rate, and knows which errors are transient."""

import random
import re
import smtplib
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from latchkey.adapters.smtp_login import TRANSIENT, connect
from latchkey.adapters.smtp_secret import SmtpCredentials
from latchkey.errors import (
    CredentialsRefusedError,
    LatchkeyError,
    MailQuotaExceededError,
    MailRefusedError,
    RecipientRefusedError,
    SmtpUnavailableError,
)

_TIMEOUT_SECONDS = 10

#: A connection is closed after this many mails, or when the server may have closed it: SES ends connections
#: that are idle for 10 seconds.
_MAILS_PER_CONNECTION = 100
_IDLE_SECONDS = 9

#: Pauses before a mail is retried; each is shortened at random, to half of it at most.
_PAUSES = (1, 2, 4, 8)

_NOT_LOGGED_IN = 530
_BAD_LOGIN = 535
_FAILED = 554
_SERVICE_CLOSING = 421

#: What SES says; https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html and …/ses-errors.html.
_QUOTA = re.compile(r"Daily message quota exceeded", re.IGNORECASE)
_STACK_WIDE = re.compile(r"Access denied|not authorized|sending (is )?paused|suspended", re.IGNORECASE)
_BETWEEN_ADDRESSES = re.compile(r"[\s,:<>]+")
_ADDRESS = re.compile(r"[^\s,:<>]*@[^\s,:<>]*")


class TransientSmtpError(Exception):
    """When the server says no more than "not now"."""


class Pacer:
    """Keeps mails at least an interval apart, so that no burst follows a pause."""

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Let the first mail go at once."""
        self._interval = 1 / per_second
        self._clock, self._sleep = clock, sleep
        self._next = clock()

    def wait(self) -> None:
        """Wait for the next mail's turn."""
        now = self._clock()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self._interval


def error_for(code: int, text: str, sender: str, recipient: str) -> LatchkeyError | TransientSmtpError:
    """Return what a reply to a mail means: stop the run, skip this mail, or try again.

    Replies repeat addresses, and recipients may choose theirs: no word of an address decides or is logged.

    Args:
        code: the reply's code.
        text: what follows the code.
        sender: the address mails come from.
        recipient: the address this one goes to.
    """
    named = set(_BETWEEN_ADDRESSES.split(text.lower())) - {recipient.lower()}
    text = _ADDRESS.sub("(address)", text)
    said = f"The SMTP endpoint answered {code} {text}"
    if _QUOTA.search(text):
        return MailQuotaExceededError(said)
    if code in TRANSIENT:
        return TransientSmtpError(said)
    if code in {_NOT_LOGGED_IN, _BAD_LOGIN}:
        return CredentialsRefusedError(said)
    # SES has one code for a mail it rejects and for an account or sender that may send nothing. In the
    # sandbox it names unverified recipients in the same words.
    if code == _FAILED and (_STACK_WIDE.search(text) or sender.lower() in named):
        return MailRefusedError(f"{said} This is about the sender, {sender}.")
    return RecipientRefusedError(said)


class SmtpClient:
    """Sends mails one after the other; one client serves many."""

    def __init__(
        self,
        read_login: Callable[[], SmtpCredentials],
        pacer: Pacer,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            read_login: reads the secret; called once more when a login is refused.
            pacer: keeps the rate.
            sleep: waits before another try.
        """
        self._read_login = read_login
        self._login = read_login()
        self._pacer = pacer
        self._sleep = sleep
        self._connection: smtplib.SMTP | None = None
        self._sent = 0
        self._used_at = 0.0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Say goodbye."""
        self.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                connection.quit()
            connection.close()

    def send(self, message: bytes, sender: str, recipient: str) -> None:
        """Send one mail; retry transient errors.

        When a connection breaks before the reply, the mail may have been taken; it is sent again.

        Raises:
            MailQuotaExceededError: when SES takes no more today.
            MailRefusedError: when the account or the sender may not send.
            SmtpUnavailableError: when retries do not help.
            RecipientRefusedError: when this mail is refused; others may be taken.
            CredentialsRefusedError: when the credentials are refused, and again after a fresh read.
        """
        pauses = iter(_PAUSES)
        while True:
            try:
                self._send_once(message, sender, recipient)
            except TransientSmtpError as error:
                pause = next(pauses, None)
                if pause is None:
                    raise SmtpUnavailableError(f"{error}, {len(_PAUSES) + 1} times.") from error
                self._sleep(pause * random.uniform(0.5, 1))  # noqa: S311  # no secret: it spreads tries
            else:
                return

    def _send_once(self, message: bytes, sender: str, recipient: str) -> None:
        self._pacer.wait()
        connection = self._connected()
        try:
            connection.sendmail(sender, [recipient], message)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, text),) = error.recipients.values()
            raise self._meaning(code, text, sender, recipient) from None
        except smtplib.SMTPResponseException as error:
            raise self._meaning(error.smtp_code, error.smtp_error, sender, recipient) from None
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            raise TransientSmtpError(f"The SMTP endpoint broke the connection: {error}") from error
        except Exception:
            # In mid-mail the endpoint would refuse the next one.
            self.close()
            raise
        self._sent += 1
        self._used_at = time.monotonic()

    def _meaning(self, code: int, text: bytes | str, sender: str, recipient: str) -> Exception:
        if code == _SERVICE_CLOSING:
            self.close()
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return error_for(code, said, sender, recipient)

    def _connected(self) -> smtplib.SMTP:
        idle = time.monotonic() - self._used_at
        if self._connection is not None and (self._sent >= _MAILS_PER_CONNECTION or idle > _IDLE_SECONDS):
            self.close()
        if self._connection is None:
            try:
                self._connection = self._connect()
            except CredentialsRefusedError:
                # The credentials may have been rotated since they were read.
                self._login = self._read_login()
                self._connection = self._connect()
            self._sent, self._used_at = 0, time.monotonic()
        return self._connection

    def _connect(self) -> smtplib.SMTP:
        try:
            return connect(self._login, _TIMEOUT_SECONDS)
        except SmtpUnavailableError as error:
            raise TransientSmtpError(str(error)) from error
