"""POST /extract: shows a password to whoever brings its link first, and never again."""

import os
from datetime import UTC, datetime
from typing import Any

from latchkey import ssm, task_tokens
from latchkey.claims import Claim, Handle
from latchkey.entry import endpoint, logger
from latchkey.errors import ClaimGoneError, ClaimNotReadyError
from latchkey.http import Answer, answer, read_link


@endpoint
def handler(event: dict[str, Any], _context: object) -> Answer:
    handle, link_secret = read_link(event)
    claim = take(handle, link_secret, datetime.now(UTC), event["requestContext"]["identity"]["sourceIp"])
    return answer(
        200, {"password": claim.password, "user": claim.user, "sign_in_url": os.environ["SIGN_IN_URL"]}
    )


def take(handle_text: str, link_secret: str, now: datetime, source_ip: str) -> Claim:
    """Return the claim a link opens, to its first bringer alone.

    Three gates, in this order; whoever fails one gets the same answer as for a link that never was.
    A crash between them reveals nothing, then or later: at most once, never at least once.

    Raises:
        ClaimGoneError: when any gate stays shut.
        ClaimNotReadyError: when the workflow does not wait yet; nothing is consumed.
    """
    handle = Handle.parse(handle_text)
    claim, task_token = ssm.read_claim(handle) if handle else (None, None)
    if handle is None or claim is None or not claim.opens_with(link_secret, now):
        raise ClaimGoneError("No claim waits under this handle and secret, or its time is over.")
    logger.append_keys(execution=claim.execution)
    if task_token is None:
        raise ClaimNotReadyError("The workflow does not wait for this claim yet.")
    if task_token == ssm.SUPERSEDED or not ssm.take_claim(handle):
        raise ClaimGoneError("Somebody else took this claim a moment earlier.")
    _complete(task_token, now, source_ip)
    return claim


def _complete(task_token: str, now: datetime, source_ip: str) -> None:
    try:
        task_tokens.complete_claim(task_token, now, source_ip)
    except ClaimGoneError:
        raise
    except Exception as error:
        # The claim is deleted, so another try cannot help: fail closed, and say so truthfully.
        raise ClaimGoneError(f"The claim is lost: {error}") from error
