"""NotifyUnlocked: tells the user of the directory that the account is unlocked."""

from latchkey import notices
from latchkey.adapters import eventbridge, registry
from latchkey.domain.claims import asked_for
from latchkey.handler import task_handler


@task_handler
def handler(event: notices.Event, _context: object) -> None:
    eventbridge.publish("Unlocked", event["execution"], event["user"])
    registry.close_windows(asked_for(event["user"], unlock=True), event["window"], event["execution"])
    notices.send("unlocked", event)
