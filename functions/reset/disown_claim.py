"""POST /revoke: somebody else was shown the password, says the mailbox's owner; nobody shall have it."""

from datetime import UTC, datetime
from typing import Any

from latchkey import events, ssm, tickets
from latchkey.claims import Ticket, TicketKind
from latchkey.entry import endpoint, logger
from latchkey.errors import UserNotEligibleError, UserNotFoundError
from latchkey.http import Answer, answer, read_link
from latchkey.superseding import supersede_others
from reset.revoke_password import lock_out

REVOKED = "The password has been revoked, and your administrators have been told."


@endpoint
def handler(event: dict[str, Any], _context: object) -> Answer:
    handle_text, link_secret = read_link(event)
    handle, ticket = tickets.present(TicketKind.NOTICE, handle_text, link_secret, datetime.now(UTC))
    logger.append_keys(execution=ticket.execution)
    disown_claim(ticket)
    # Last, so that whatever failed before can be tried again; twice does no harm.
    ssm.delete_ticket(TicketKind.NOTICE, handle)
    return answer(200, {"message": REVOKED})


def disown_claim(ticket: Ticket) -> None:
    """Give the user a password nobody knows, whatever became of the one that was shown.

    Whoever saw it may have chosen another since, so this asks less than `RevokePassword` does. Links that
    wait for the user end too: what they show is no longer the password.

    Raises:
        ResetInProgressError: when a reset is changing the account; worth retrying in seconds.
    """
    holder = f"disown-{ticket.execution}"
    ssm.take_lock(ticket.user, holder, "disown")
    try:
        supersede_others(ticket.user, holder)
        lock_out(ticket.user)
    except (UserNotFoundError, UserNotEligibleError) as error:
        logger.info("There is no password to revoke: %s", error)
    finally:
        ssm.release_lock(ticket.user, holder)
    events.tell("Disowned", ticket.execution, ticket.user)
