"""NotifyExpired: tells the user that the link was not opened in time, and how to ask again."""

from latchkey.adapters import eventbridge, registry
from latchkey.handler import task_handler
from latchkey.notices import Event, send_notice


@task_handler
def handler(event: Event, _context: object) -> None:
    eventbridge.publish("Expired", event["execution"], event["user"])
    registry.close_windows(event["user"], event["window"], event["execution"])
    send_notice("expired", event)
