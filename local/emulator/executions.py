"""What the local cloud's executions did, for who waits and for the page that draws them; no data."""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.rules.timeline import read_steps
from local.emulator.patches.base import module
from tools.draw_statemachines import draw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LOCAL = Path(__file__).parents[1]
#: The page's files, by the name they are asked for.
FILES = {
    "executions": (_LOCAL / "emulator" / "view" / "executions.html", "text/html; charset=utf-8"),
    "executions.js": (_LOCAL / "emulator" / "view" / "executions.js", "text/javascript; charset=utf-8"),
    "mermaid.js": (
        _LOCAL / "node_modules" / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js",
        "text/javascript; charset=utf-8",
    ),
}
#: How many of the newest executions the page lists.
_SHOWN = 50


def read_progress(arn: str) -> dict[str, Any]:
    """Return an execution's status, and the states that it has entered, in order."""
    execution = module("services.stepfunctions", "_executions")._executions.get(arn)
    if execution is None:
        return {"status": "", "states": []}
    entered = [event.get("stateEnteredEventDetails") for event in list(execution["events"])]
    return {"status": execution["status"], "states": [each["name"] for each in entered if each]}


def read_view() -> dict[str, Any]:
    """Return the pictures of the deployed state machines, and their newest executions."""
    sfn = module("services.stepfunctions", "_executions", "_state_machines")
    return view(
        list(sfn._state_machines.to_dict().values()),
        list(sfn._executions.to_dict().values()),
        datetime.now(UTC),
    )


def view(
    machines: Iterable[Mapping[str, Any]], executions: Iterable[Mapping[str, Any]], now: datetime
) -> dict[str, Any]:
    """Choose what the page shows of MiniStack's records; inputs and outputs are left out."""
    # A distributed Map's batches have a machine of their own, which is not deployed.
    pictures = {each["name"]: draw(json.loads(each["definition"])) for each in machines}
    known = [each for each in executions if _machine(each) in pictures]
    newest = sorted(known, key=lambda each: str(each["startDate"]), reverse=True)[:_SHOWN]
    return {"machines": pictures, "executions": [_summary(each, now) for each in newest]}


def _machine(execution: Mapping[str, Any]) -> str:
    return str(execution["stateMachineArn"]).rpartition(":")[2]


def _summary(execution: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    started = _moment(execution["startDate"])
    ended = _moment(execution["stopDate"]) if execution["stopDate"] else now
    # A copy: the execution goes on meanwhile.
    events = [{**event, "timestamp": _moment(event["timestamp"])} for event in list(execution["events"])]
    return {
        "name": execution["name"],
        "machine": _machine(execution),
        "status": execution["status"],
        "started": execution["startDate"],
        "seconds": (ended - started).total_seconds(),
        "cause": execution.get("cause") or "",
        "steps": [
            {
                "state": step.state,
                "at": (step.entered - started).total_seconds(),
                "seconds": step.seconds(ended),
                "running": step.left is None and execution["status"] == "RUNNING",
                "tries": step.tries,
                "failures": step.failures,
            }
            for step in read_steps(events)
        ],
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
