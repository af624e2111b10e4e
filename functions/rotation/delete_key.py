"""DeleteKey: deletes the previous key, which no client has missed while it was inactive."""

from typing import TypedDict

from latchkey.adapters import access_keys
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str
    version_id: str
    keys: list[str]


@task_handler
def handler(event: Event, _context: object) -> None:
    for key in access_keys.superfluous(event["keys"], event["version_id"]):
        access_keys.delete_key(key)
