"""POST /extract: shows a password to the first request with its link, and never again."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from latchkey.adapters import registry, ssm, task_tokens
from latchkey.domain.claims import Handle, user_key
from latchkey.domain.directory_users import is_in_directory
from latchkey.domain.resets import Attempt, Reset
from latchkey.errors import ClaimGoneError
from latchkey.handler import api_handler
from latchkey.observability import logger
from latchkey.web.callers import caller_address
from latchkey.web.http import Response, json_response
from latchkey.web.links import read_link


@api_handler
def handler(event: dict[str, Any], _context: object) -> Response:
    now = datetime.now(UTC)
    handle, link_secret = read_link(event, now)
    context = event["requestContext"]
    reset = take(handle, link_secret, context["extendedRequestId"], now)
    password = reveal(reset, now, caller_address(event, os.environ["PROXY_KEY_SHA256"]))
    return json_response(200, {"password": password, "user": reset.sign_in_name, **where_to_sign_in(reset)})


def where_to_sign_in(reset: Reset) -> dict[str, str]:
    """Return where the password can be changed: an address, or none, and for a directory a sentence."""
    if not is_in_directory(reset.user):
        return {"sign_in_url": os.environ["SIGN_IN_URL"]}
    url, hint = os.environ["DIRECTORY_SIGN_IN_URL"], os.environ["DIRECTORY_SIGN_IN_HINT"]
    return {"sign_in_url": url, "sign_in_hint": hint}


def take(handle: Handle, link_secret: str, request: str, now: datetime) -> Reset:
    """Take the claim that a link opens, for the first request alone.

    One conditional write decides. It carries the request's own id, so that the winner recognises itself if
    the answer is lost and the write is retried. That is API Gateway's `extendedRequestId`: callers can choose
    the other one (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-access-logging.html).

    Raises:
        ClaimGoneError: when the link opens nothing (any more).
        ClaimNotReadyError: when the workflow does not wait yet; nothing is consumed.
    """
    now_seconds = int(now.timestamp())
    attempt = Attempt(actor=request, now=now_seconds, secret_sha256=handle.proof(link_secret))
    unused_for = timedelta(hours=int(os.environ["CLAIMED_TTL_HOURS"]))
    reset = registry.claim(handle.user_key, attempt, unused_for)
    logger.append_keys(execution=reset.execution)
    return reset


def reveal(reset: Reset, now: datetime, source_ip: str) -> str:
    """Return the password of a claim that was taken, once the waiting execution knows of it.

    After any failure from here on the claim is lost and the user asks again: at most once, not at least once.

    Raises:
        ClaimGoneError: when it failed.
    """
    try:
        # What was asked for in another spelling has a window of its own; taking the claim closed the name's.
        if reset.window != user_key(reset.user):
            registry.close_windows("", reset.window, reset.execution)
        password = ssm.read_password(reset.execution, reset.secret_sha256)
        task_tokens.complete_claim(reset.task_token, now, source_ip)
    except ClaimGoneError:
        raise
    except Exception as error:  # fail closed, and say so truthfully
        raise ClaimGoneError(f"The claim is lost: {error}") from error
    return password
