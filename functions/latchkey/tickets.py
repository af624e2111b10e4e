"""Tickets: mailed links whose page asks one question; issued with a mail, presented by a click."""

from datetime import datetime

from latchkey import ssm
from latchkey.claims import Handle, Ticket, TicketKind, generate_link_secret, hash_link_secret
from latchkey.errors import ClaimGoneError


def issue(kind: TicketKind, handle: Handle, *, user: str, execution: str, task_token: str = "") -> str:
    """Store a ticket and return the fragment of its link: `ph=…&rs=…`."""
    link_secret = generate_link_secret()
    ticket = Ticket(
        user=user,
        execution=execution,
        secret_sha256=hash_link_secret(link_secret),
        task_token=task_token,
    )
    ssm.store_ticket(kind, handle, ticket)
    return f"ph={handle}&rs={link_secret}"


def present(kind: TicketKind, handle_text: str, link_secret: str, now: datetime) -> tuple[Handle, Ticket]:
    """Return the ticket a link stands for; it stays, until `ssm.delete_ticket`.

    Raises:
        ClaimGoneError: when there is none, its time is over, or the secret is another.
    """
    handle = Handle.parse(handle_text)
    ticket = ssm.read_ticket(kind, handle) if handle else None
    if handle is None or ticket is None or now >= handle.expires_at or not ticket.opens_with(link_secret):
        raise ClaimGoneError("No ticket waits under this handle and secret, or its time is over.")
    return handle, ticket
