"""SES's SMTP endpoint: one login, to see whether credentials work."""

import smtplib
import ssl
from typing import Final

from latchkey.errors import CredentialsRefusedError, SmtpUnavailableError
from latchkey.smtp_secret import SmtpCredentials

#: RFC 4954, 6: the credentials are invalid.
_INVALID: Final = 535
_TIMEOUT_SECONDS: Final = 5


def log_in(credentials: SmtpCredentials) -> None:
    """Log in over a connection of its own, and out again.

    Raises:
        CredentialsRefusedError: when the endpoint does not take the credentials.
        SmtpUnavailableError: when it cannot be reached, its certificate does not verify, or it answers
            anything else than yes or no.
    """
    where = f"{credentials.host}:{credentials.port}"
    try:
        with smtplib.SMTP(credentials.host, credentials.port, timeout=_TIMEOUT_SECONDS) as connection:
            connection.starttls(context=ssl.create_default_context())
            connection.login(credentials.username, credentials.password)
    except smtplib.SMTPResponseException as error:
        answer = f"{where} answered {error.smtp_code}"
        if error.smtp_code == _INVALID:
            raise CredentialsRefusedError(f"Could not log in as {credentials.username}: {answer}.") from error
        raise SmtpUnavailableError(f"Could not log in as {credentials.username}: {answer}.") from error
    except (OSError, smtplib.SMTPException) as error:
        raise SmtpUnavailableError(f"Could not speak to {where}: {type(error).__name__}.") from error
