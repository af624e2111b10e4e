"""FindOrphans: lists what resets left behind past their time, page by page; changes nothing."""

import os
from datetime import UTC, datetime
from typing import TypedDict

from latchkey import sfn, ssm
from latchkey.entry import task
from latchkey.errors import CleanupInProgressError
from latchkey.executions import earlier
from latchkey.orphans import in_batches, leftovers, running_keys

#: Users in one batch: each takes up to a dozen calls, and one call of RemoveOrphans has a minute.
BATCH = 20


class Event(TypedDict):
    execution: str
    execution_arn: str
    state_machine_arn: str
    next: str


class Result(TypedDict):
    batches: list[list[str]]
    next: str


@task
def handler(event: Event, _context: object) -> Result:
    refuse_second(event)
    return find_orphans(event["next"], datetime.now(UTC))


def refuse_second(event: Event) -> None:
    """Pass the cleanup that started first; two at once would revoke what a reset in between has set.

    Raises:
        CleanupInProgressError: when another one runs that started earlier.
    """
    first = earlier(event["execution_arn"], sfn.running_executions(event["state_machine_arn"]))
    if first:
        raise CleanupInProgressError(f"A cleanup that started earlier still runs: {first.name}.")


def find_orphans(start: str, now: datetime) -> Result:
    """Return what is worth a closer look among the next parameters, and where to go on."""
    names, following = ssm.parameter_names(start)
    # After the parameters: a reset that stored its claim in between is running in this list already.
    running = running_keys(
        each.name for each in sfn.running_executions(os.environ["RESET_STATE_MACHINE_ARN"])
    )
    suspects = [each for each in leftovers(names) if each.is_suspect(running, now)]
    return {"batches": in_batches(suspects, BATCH), "next": following}
