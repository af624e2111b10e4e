"""What the functions logged: levels, names and messages, and nothing secret."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cli.readers import executions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from boto3 import Session

    from cli.readers.executions import Execution
    from cli.scope import Stack

#: How many lines of an execution are of interest.
_LINES = 100

#: The states that tell a user how a reset ended, and count where they cannot.
NOTIFYING = ("NotifyClaimed", "NotifyExpired", "NotifyUnlocked")


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a function logged."""

    at: datetime
    level: str
    #: As the template calls it, without the word Function: most have the name of their state.
    function: str
    message: str


def log_lines(session: Session, stack: Stack, execution: Execution) -> list[LogLine]:
    """Return what the functions logged about an execution: level, function and message of each line."""
    functions = stack.all_of("AWS::Lambda::Function")
    found = session.client("logs").filter_log_events(
        logGroupName=stack.find("FunctionLogs"),
        filterPattern=f'"{execution.name}"',
        startTime=int(execution.started.timestamp() * 1000),
        limit=_LINES,
    )["events"]
    return [
        LogLine(
            datetime.fromtimestamp(each["timestamp"] / 1000, UTC),
            str(line.get("level", "")),
            functions.get(str(line.get("function_name", "")), "").removesuffix("Function"),
            str(line["message"]),
        )
        for each in found
        if "message" in (line := _fields(each["message"])) and line.get("execution") == execution.name
    ]


def unsent_notices(session: Session, stack: Stack, since: datetime) -> Iterator[Execution]:
    """Yield each reset since then whose user could not be told how it ended.

    The functions log each try that fails, and one that does not.
    """
    sfn = session.client("stepfunctions")
    for state in NOTIFYING:
        failed: dict[str, None] = {}
        pages = (
            session.client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=stack.find("FunctionLogs"),
                filterPattern=f'"{stack.find(f"{state}Function")}"',
                startTime=int(since.timestamp() * 1000),
            )
        )
        for line in (_fields(event["message"]) for page in pages for event in page["events"]):
            execution = line.get("execution")
            if execution and str(line.get("message", "")).startswith("Gave up: "):
                failed[execution] = None
            elif execution and line.get("message") == "Done.":
                failed.pop(execution, None)
        for name in failed:
            found = executions.named(sfn, stack, "reset", name)
            # One that runs tries again.
            if found and found.status != "RUNNING":
                yield found


def _fields(text: str) -> Mapping[str, Any]:
    """Return the fields of a line; none where it is no JSON object, as Lambda's own lines are not."""
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
