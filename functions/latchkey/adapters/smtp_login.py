"""SES's SMTP endpoint: how to log in, and what a failure means."""

import smtplib
import ssl
from contextlib import suppress
from functools import cache
from typing import Final

from latchkey.adapters.smtp_secret import SmtpCredentials
from latchkey.errors import CredentialsRefusedError, SmtpUnavailableError

#: Replies after which the same may succeed later (RFC 5321, 4.2.1).
TRANSIENT: Final = range(400, 500)
_LOGIN_TIMEOUT_SECONDS: Final = 5


@cache
def _tls() -> ssl.SSLContext:
    """Return what trusts the system's authorities: reading them takes longer than a mail."""
    return ssl.create_default_context()


def connect(credentials: SmtpCredentials, timeout_seconds: float) -> smtplib.SMTP:
    """Return a connection that is encrypted and logged in; the time-out is for each step.

    Raises:
        CredentialsRefusedError: when the endpoint does not take the credentials.
        SmtpUnavailableError: when it cannot be reached, its certificate does not verify, or it asks to come
            back later.
    """
    where = f"{credentials.host}:{credentials.port}"
    connection = None
    try:
        connection = smtplib.SMTP(credentials.host, credentials.port, timeout=timeout_seconds)
        connection.starttls(context=_tls())
        connection.login(credentials.username, credentials.password)
    except (OSError, smtplib.SMTPException) as error:
        if connection is not None:
            connection.close()
        if not isinstance(error, smtplib.SMTPResponseException):
            raise SmtpUnavailableError(f"Could not speak to {where}: {type(error).__name__}.") from error
        meaning = SmtpUnavailableError if error.smtp_code in TRANSIENT else CredentialsRefusedError
        said = f"Could not log in as {credentials.username}: {where} answered {error.smtp_code}."
        raise meaning(said) from error
    return connection


def log_in(credentials: SmtpCredentials) -> None:
    """Log in over a new connection, and out again.

    Raises:
        CredentialsRefusedError, SmtpUnavailableError: as `connect` does.
    """
    # How the session ends does not matter.
    with suppress(OSError, smtplib.SMTPException), connect(credentials, _LOGIN_TIMEOUT_SECONDS):
        pass
