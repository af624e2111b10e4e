"""`latchkey list`: what is under way, or what went wrong lately."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from cli import options, render
from cli.readers import executions
from cli.rules.timeline import read_steps, say_duration
from cli.target import Target, on_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from cli.readers.executions import Execution

#: How far back failures, and notices that could not be sent, are listed.
_LATELY = timedelta(days=1)


@click.command("list")
@click.option("--failed", is_flag=True, help="List what failed or was stopped in the last day, and why.")
@on_stack
def list_executions(target: Target, *, failed: bool) -> None:
    """List what is under way: whose reset, and in which state.

    Also resets of the last day whose users could not be told how they ended: NoticeUnsent.
    """
    now = options.now()
    rows = list(_failed(target, now) if failed else _under_way(target, now))
    if target.as_json:
        render.write_json(rows)
        return
    last, key = ("because", "because") if failed else ("for", "seconds")
    render.write_table(
        ("machine", "user", "since", "state", last, "execution"),
        [
            (
                str(row["machine"]),
                str(row["user"]),
                f"{row['since']:%Y-%m-%d %H:%M:%S}",
                str(row["state"]),
                str(row[key]) if failed else say_duration(float(str(row[key]))),
                str(row["execution"]),
            )
            for row in rows
        ],
    )


def _under_way(target: Target, now: datetime) -> Iterator[Mapping[str, object]]:
    for execution in executions.unsent_notices(target.session, target.stack, now - _LATELY):
        since = (now - (execution.stopped or now)).total_seconds()
        yield {**_row(execution), "state": "NoticeUnsent", "seconds": round(since)}
    for execution in executions.running(target.sfn, target.stack):
        steps = read_steps(executions.history(target.sfn, execution.arn))
        state = steps[-1] if steps else None
        seconds = round(state.seconds(now)) if state else 0
        yield {**_row(execution), "state": state.state if state else "", "seconds": seconds}


def _failed(target: Target, now: datetime) -> Iterator[Mapping[str, object]]:
    for execution in executions.failed(target.sfn, target.stack, now - _LATELY):
        yield {**_row(execution), "state": execution.status, "because": execution.failure}


def _row(execution: Execution) -> dict[str, object]:
    return {
        "machine": execution.machine,
        "user": execution.user,
        "since": execution.started,
        "execution": execution.name,
    }
