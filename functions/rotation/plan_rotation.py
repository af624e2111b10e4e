"""PlanRotation: looks at the keys and the secret, and decides what a rotation does; changes nothing."""

from datetime import UTC, datetime, timedelta
from typing import TypedDict

from latchkey.adapters import access_keys, smtp_secret, stepfunctions
from latchkey.domain.executions import earlier
from latchkey.domain.rotation import plan
from latchkey.errors import RotationInProgressError
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str
    execution_arn: str
    state_machine_arn: str
    settling_seconds: float


class Result(TypedDict):
    keep: list[str]
    version_id: str | None


@task_handler
def handler(event: Event, _context: object) -> Result:
    ensure_single_execution(event)
    settling = timedelta(seconds=event["settling_seconds"])
    decided = plan(access_keys.list_keys(), smtp_secret.list_versions(), datetime.now(UTC), settling)
    return {"keep": list(decided.keep), "version_id": decided.version_id}


def ensure_single_execution(event: Event) -> None:
    """Let the rotation that started first go on; two at once would delete each other's keys as leftovers.

    Raises:
        RotationInProgressError: when another one runs that started earlier.
    """
    first = earlier(event["execution_arn"], stepfunctions.running_executions(event["state_machine_arn"]))
    if first:
        raise RotationInProgressError(f"A rotation that started earlier still runs: {first.name}.")
