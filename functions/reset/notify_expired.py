"""NotifyExpired: tells the user that the link was not opened in time, and how to ask again."""

from latchkey import notices
from latchkey.adapters import eventbridge, registry
from latchkey.handler import task_handler


@task_handler
def handler(event: notices.Event, _context: object) -> None:
    eventbridge.publish("Expired", event["execution"], event["user"])
    registry.close_windows(event["user"], event["window"], event["execution"])
    notices.send("expired", event)
