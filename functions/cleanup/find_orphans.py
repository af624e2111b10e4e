"""FindOrphans: lists the users whose resets are overdue, page by page; changes nothing."""

from datetime import UTC, datetime
from itertools import batched
from typing import TypedDict

from latchkey.adapters import registry
from latchkey.handler import task_handler

#: Users in one batch: each takes up to a dozen calls, and one call of RemoveOrphans has a minute.
BATCH = 20

#: Users in one part: their keys fit into a state (256 KB).
PART = 1000


class Event(TypedDict):
    execution: str
    next: str


class Result(TypedDict):
    batches: list[list[str]]
    next: str


@task_handler
def handler(event: Event, _context: object) -> Result:
    keys, following = registry.due(int(datetime.now(UTC).timestamp()), event["next"], PART)
    return {"batches": [list(each) for each in batched(keys, BATCH, strict=False)], "next": following}
