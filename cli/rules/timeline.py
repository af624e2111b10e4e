"""What an execution did, told from its history: its states, how long each took, and what went wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

#: Events that say that a try did not work (https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html).
_FAILURES = {
    "ActivityFailed": "activityFailedEventDetails",
    "LambdaFunctionFailed": "lambdaFunctionFailedEventDetails",
    "MapRunFailed": "mapRunFailedEventDetails",
    "TaskFailed": "taskFailedEventDetails",
    "TaskStartFailed": "taskStartFailedEventDetails",
    "TaskSubmitFailed": "taskSubmitFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
}


@dataclass(slots=True)
class Step:
    """A state that was entered; `left` is None while the execution is in it."""

    state: str
    entered: datetime
    left: datetime | None = None
    tries: int = 0
    failures: list[str] = field(default_factory=list)

    def seconds(self, now: datetime) -> float:
        """Return how long the state took, or has taken until now."""
        return ((self.left or now) - self.entered).total_seconds()


def read_steps(events: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Return the states of an execution from its history, oldest first."""
    steps: list[Step] = []
    #: Which state an event belongs to: parallel branches take turns in the history.
    owners: dict[int, Step] = {}
    for event in events:
        if entered := event.get("stateEnteredEventDetails"):
            steps.append(Step(entered["name"], event["timestamp"]))
            owners[event["id"]] = steps[-1]
            continue
        step = owners.get(event.get("previousEventId", 0)) or _open(steps)
        if step is None:
            continue
        owners[event["id"]] = step
        kind = event["type"]
        if "stateExitedEventDetails" in event:
            step.left = event["timestamp"]
        elif kind in {"TaskScheduled", "LambdaFunctionScheduled"}:
            step.tries += 1
        elif kind in _FAILURES:
            details = event.get(_FAILURES[kind], {})
            step.failures.append(say_failure(details.get("error", kind), details.get("cause", "")))
    return steps


def say_failure(error: str, cause: str) -> str:
    """Return an error and what it says; the cause of a function that failed is JSON."""
    try:
        said = json.loads(cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        said = cause
    return f"{error}: {said}" if said else error


def say_duration(seconds: float) -> str:
    """Return a length of time as people say it: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`."""
    whole = int(seconds)
    if seconds < 10:  # noqa: PLR2004  # below that tenths tell something
        return f"{seconds:.1f} s"
    for size, name, smaller, smaller_name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // smaller} {smaller_name}"
    return f"{whole} s"


def _open(steps: list[Step]) -> Step | None:
    """Return the last state that was entered and not left."""
    return next((step for step in reversed(steps) if step.left is None), None)
