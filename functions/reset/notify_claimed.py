"""NotifyClaimed: tells the user that the password was shown, and how to revoke it if that was not them."""

import os
import secrets
from datetime import UTC, datetime

from latchkey import addressees, emails, settings
from latchkey.adapters import action_links, eventbridge, ses
from latchkey.domain.action_links import LinkKind
from latchkey.domain.claims import NOTICE_TTL, Handle, MailedLink, network_address
from latchkey.handler import task_handler
from latchkey.languages.times import Hours, Value


class Event(addressees.Event):
    """What is said of the claim is as the caller said it who ended the wait: nothing here hangs on it."""

    claimed_at: str
    claimed_from: str


@task_handler
def handler(event: Event, _context: object) -> None:
    eventbridge.publish("Claimed", event["execution"], event["user"])
    # IAM says where the notice goes, as it holds what revokes the claim. It also goes to protected users.
    user = addressees.known(event)
    handle = handle_of(user.account, event["execution"], datetime.now(UTC))
    secret = action_links.issue(LinkKind.NOTICE, handle, user=user.account, execution=event["execution"])
    values: dict[str, Value] = {
        "user": user.name,
        "claimed_at": datetime.fromisoformat(event["claimed_at"]),
        "claimed_from": network_address(event["claimed_from"]),
        "hours": Hours(int(os.environ["CLAIMED_TTL_HOURS"])),
        **MailedLink("revoke", str(handle), secret).words(os.environ["BASE_URL"]),
        "expires_at": handle.expires_at,
    }
    mail = emails.render("claimed", values, event["language"], settings.style())
    ses.send_notice(mail, os.environ["SENDER_ADDRESS"], user.name, user.mail)


def handle_of(user: str, execution: str, now: datetime) -> Handle:
    """Return a handle like no other: should a second try send a second mail, the links of both work."""
    return Handle.of(user, f"{execution}/{secrets.token_hex()}", now + NOTICE_TTL)
