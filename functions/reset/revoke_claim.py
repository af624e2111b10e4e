"""POST /revoke: the user reports that someone else saw the password: revoke it."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from latchkey.adapters import action_links, eventbridge, registry, stepfunctions
from latchkey.domain.action_links import ActionLink, LinkKind
from latchkey.domain.claims import user_key
from latchkey.domain.resets import Attempt, Phase, Reset, revocation_of
from latchkey.errors import ClaimGoneError, LatchkeyError
from latchkey.handler import api_handler
from latchkey.observability import logger
from latchkey.undoing import undo
from latchkey.web.http import Response, json_response
from latchkey.web.links import read_link

REVOKED = "The password has been revoked, and your administrators have been told."


@api_handler
def handler(event: dict[str, Any], _context: object) -> Response:
    now = datetime.now(UTC)
    handle, link_secret = read_link(event, now)
    link = action_links.verify(LinkKind.NOTICE, handle, link_secret)
    logger.append_keys(execution=link.execution)
    ensure_claimed(link)
    revoke_claim(link, event["requestContext"]["extendedRequestId"], now)
    # The link stays valid until the revocation has succeeded.
    action_links.delete(LinkKind.NOTICE, handle)
    return json_response(200, {"message": REVOKED})


def ensure_claimed(link: ActionLink) -> None:
    """Let a link pass whose reset has shown its user a password: write access to notices must not be enough.

    The registry knows it until another reset of the user has taken over, and from then on the output of the
    execution, which the state machine writes.

    Raises:
        ClaimGoneError: when there was no such claim of that user.
    """
    item = registry.read(user_key(link.user))
    known = [reset for reset in (item.current, item.older) if reset and reset.execution == link.execution]
    claimed = known[0].claimed_by if known else stepfunctions.user_of_claim(link.execution) == link.user
    if not claimed:
        raise ClaimGoneError("The notice speaks of a claim that its user did not make.")


def revoke_claim(link: ActionLink, request: str, now: datetime) -> None:
    """Give the user an unknown password, even if the one that was shown has been changed.

    A thief may have changed it, so this asks less than `RevokePassword` does. A link that
    waits for the user ends too: what it shows is no longer the password.

    Raises:
        ResetInProgressError: when a reset is changing the account; worth retrying in seconds.
    """
    revocation = Reset(
        execution=revocation_of(link.execution),
        phase=Phase.REVOKING,
        user=link.user,
        begun_at=int(now.timestamp()),
        undone_by=request,
    )
    key = user_key(link.user)
    registry.revoke_claim(key, revocation)
    try:
        undo(revocation.execution, link.user, request, now)
    except Exception:
        # The next press is another request; it must not wait while a thief is in.
        attempt = Attempt(execution=revocation.execution, actor=request, now=revocation.begun_at)
        with suppress(LatchkeyError):
            registry.revoke(key, attempt, due_in=timedelta())
        raise
    eventbridge.publish("ClaimRevoked", link.execution, link.user)
