"""NotifyFailed: publishes that a reset failed, and mails the user where the address is known."""

from datetime import UTC, datetime

from latchkey import notices, settings
from latchkey.adapters import eventbridge, registry
from latchkey.domain.claims import asked_for
from latchkey.errors import PasswordChangeDeniedError
from latchkey.handler import task_handler


class Event(notices.Event):
    """`user` and `mail` are empty where the user was never found: what a stranger typed gets no mail.

    `error` is the name of what failed first.
    """

    unlock: bool
    error: str


@task_handler
def handler(event: Event, _context: object) -> None:
    eventbridge.publish("Failed", event["execution"], event["user"] or None)
    now = int(datetime.now(UTC).timestamp())
    registry.close_windows(
        asked_for(event["user"], unlock=event["unlock"]),
        event["window"],
        event["execution"],
        failed_at=now,
        once_in=settings.request_window(),
    )
    if event["mail"]:
        notices.send(text_for(event), event)


def text_for(event: Event) -> str:
    """Return the name of the text that says what became of the account."""
    if event["error"] == PasswordChangeDeniedError.__name__:
        return "change_denied"
    return "unlock_failed" if event["unlock"] else "failed"
