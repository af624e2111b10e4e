"""Follows an execution until it ends, or until a state that is not worth waiting for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cli import render
from cli.readers import executions
from cli.rules.timeline import read_steps, say_duration

if TYPE_CHECKING:
    from collections.abc import Collection

    from cli.readers.executions import Execution
    from cli.target import Target

#: GetExecutionHistory grants 5 calls a second to the whole account.
_PAUSE_SECONDS = 2


def follow(target: Target, arn: str, until: Collection[str] = ()) -> Execution:
    """Tell each state as it is entered; return the execution once it ended or is in a state of `until`."""
    told = 0
    while True:
        found = executions.describe(target.sfn, arn)
        steps = read_steps(executions.history(target.sfn, arn))
        for step in steps[told:]:
            if not target.as_json:
                at = say_duration((step.entered - found.started).total_seconds())
                render.write_line(f"{at:>10}  {step.state}")
        told = len(steps)
        if found.status != "RUNNING" or (steps and steps[-1].state in until):
            return found
        pause()


def pause() -> None:
    """Wait before asking again."""
    time.sleep(_PAUSE_SECONDS)
