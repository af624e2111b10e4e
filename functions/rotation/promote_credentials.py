"""PromoteCredentials: makes the verified credentials current, by moving one label."""

from typing import TypedDict

from latchkey.adapters import smtp_secret
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str
    version_id: str


@task_handler
def handler(event: Event, _context: object) -> None:
    smtp_secret.promote(event["version_id"])
