"""How every function is entered: logs that name the execution, metrics, and errors turned into responses."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from latchkey.errors import (
    BadRequestError,
    ClaimGoneError,
    ClaimNotReadyError,
    ForeignPageError,
    LatchkeyError,
    NotAllowedError,
    NotAuthenticatedError,
    ResetInProgressError,
    TransientError,
)
from latchkey.observability import logger
from latchkey.web.access import ensure_own_page
from latchkey.web.http import Response, json_response

_RETRY_AFTER_SECONDS = "2"


def task_handler[Event: Mapping[str, Any], Result](
    handler: Callable[[Event, Any], Result],
) -> Callable[[Event, object], Result]:
    """Make a handler the function of a state: its event names the execution, its errors reach `Catch`."""

    @logger.inject_lambda_context(clear_state=True)
    @wraps(handler)
    def enter(event: Event, context: object) -> Result:
        logger.append_keys(execution=event["execution"])
        try:
            result = handler(event, context)
        except LatchkeyError as error:
            logger.warning("Gave up: %s: %s", type(error).__name__, error)
            raise
        except Exception:  # only to log it: the line names the execution, and the very error goes on
            logger.exception("Unhandled exception.")
            raise
        logger.info("Done.")
        return result

    return enter


def api_handler(
    handler: Callable[[dict[str, Any], Any], Response],
) -> Callable[[dict[str, Any], Any], Response]:
    """Make a handler the function of a POST route: every error becomes a JSON response, not a stack trace.

    Requests from pages of other sites never reach the handler.
    """

    @logger.inject_lambda_context(clear_state=True)
    @wraps(handler)
    def enter(event: dict[str, Any], context: object) -> Response:
        try:
            ensure_own_page(event, os.environ["PUBLIC_BASE_URL"])
            result = handler(event, context)
        except LatchkeyError as error:
            logger.warning("Refused: %s: %s", type(error).__name__, error)
            result = refusal(error)
        except Exception:  # the edge of the product: a caller gets an answer in JSON, never a stack trace
            logger.exception("Unhandled exception.")
            result = refusal(LatchkeyError())
        logger.info("Answered.", status=result["statusCode"])
        return result

    return enter


def refusal(error: LatchkeyError) -> Response:
    """Return the response to an error: what the caller can do about it, and nothing about the account."""
    match error:
        case BadRequestError():
            return json_response(400, {"error": "Bad request", "field": error.field, "message": str(error)})
        case NotAllowedError():
            status, kind = 403, "Not allowed"
            message = "You may ask for a reset of your own account only, with a verified mail address."
        case NotAuthenticatedError():
            status, kind, message = 403, "Not authenticated", "Sign this request, or sign in first."
        case ForeignPageError():
            status, kind, message = 403, "Not allowed", "Pages of other sites cannot use this address."
        case ClaimGoneError():
            status, kind = 410, "Invalid!"
            message = "This link is expired or has been already used once"
        case ClaimNotReadyError() | ResetInProgressError():
            # The write that would have come first was refused: nothing was done.
            status, kind = 503, "Not ready"
            message = "This takes a moment longer. Please try again shortly."
        case TransientError():
            # What was asked for may be done: an earlier write, or a try that AWS left unanswered.
            status, kind = 504, "No answer"
            message = "No answer came in time. Please try again shortly."
        case _:
            status, kind = 500, "Internal error"
            message = "Something went wrong on our side. Please try again later."
    return json_response(status, {"error": kind, "message": message}, _headers(error))


def _headers(error: LatchkeyError) -> dict[str, str]:
    if isinstance(error, ClaimGoneError) and error.newer_at:
        return {"Latchkey-Newer-Link-At": f"{datetime.fromtimestamp(error.newer_at, UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return {"Retry-After": _RETRY_AFTER_SECONDS} if isinstance(error, TransientError) else {}
