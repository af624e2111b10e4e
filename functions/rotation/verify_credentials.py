"""VerifyCredentials: logs in with the new credentials, until IAM has propagated them."""

import time
from collections.abc import Callable
from typing import Final, TypedDict

from latchkey.adapters import smtp_secret
from latchkey.adapters.smtp_login import log_in
from latchkey.errors import CredentialsRefusedError, SmtpUnavailableError
from latchkey.handler import task_handler

_PAUSE_SECONDS: Final = 1.0


class Event(TypedDict):
    execution: str
    version_id: str
    patience_seconds: float


@task_handler
def handler(event: Event, _context: object) -> None:
    credentials = smtp_secret.read_credentials(event["version_id"])
    until_it_works(lambda: log_in(credentials), event["patience_seconds"])


def until_it_works(
    attempt: Callable[[], None],
    patience: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Retry, each time over a fresh connection; raise the last error once patience is over.

    Args:
        attempt: one login.
        patience: seconds after which no further try begins.
        clock: tells seconds.
        sleep: waits seconds.

    Raises:
        CredentialsRefusedError: when the credentials are not taken.
        SmtpUnavailableError: when no try could reach the endpoint.
    """
    deadline = clock() + patience
    while True:
        try:
            attempt()
        except (CredentialsRefusedError, SmtpUnavailableError):
            if clock() + _PAUSE_SECONDS > deadline:
                raise
        else:
            return
        sleep(_PAUSE_SECONDS)
