"""`latchkey list`: what is under way, or what went wrong lately."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from cli import options, render
from cli.readers import executions, logs
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
    if failed:
        _write_failed(target, list(executions.failed(target.sfn, target.stack, now - _LATELY)))
    else:
        _write_under_way(target, list(_under_way(target, now)))


def _write_failed(target: Target, found: list[Execution]) -> None:
    if target.as_json:
        render.write_json([{**_row(each), "state": each.status, "because": each.failure} for each in found])
        return
    # Not a table: causes are long, and a name has to be whole, on a narrow terminal too, to be copied.
    for each in found:
        render.write_line(each.heading)
        render.write_line(f"  {each.failure}", bad=True)
        render.write_line(f"  {each.name}")


def _write_under_way(target: Target, rows: list[Mapping[str, object]]) -> None:
    if target.as_json:
        render.write_json(rows)
        return
    render.write_table(
        ("machine", "user", "since (UTC)", "state", "for", "execution"),
        [
            (
                str(row["machine"]),
                str(row["user"]),
                f"{row['since']:%Y-%m-%d %H:%M:%S}",
                str(row["state"]),
                say_duration(float(str(row["seconds"]))),
                str(row["execution"]),
            )
            for row in rows
        ],
    )


def _under_way(target: Target, now: datetime) -> Iterator[Mapping[str, object]]:
    for execution in logs.unsent_notices(target.session, target.stack, now - _LATELY):
        since = (now - (execution.stopped or now)).total_seconds()
        yield {**_row(execution), "state": "NoticeUnsent", "seconds": round(since)}
    for execution in executions.running(target.sfn, target.stack):
        steps = read_steps(executions.history(target.sfn, execution.arn))
        state = steps[-1] if steps else None
        seconds = round(state.seconds(now)) if state else 0
        yield {**_row(execution), "state": state.state if state else "", "seconds": seconds}


def _row(execution: Execution) -> dict[str, object]:
    return {
        "machine": execution.machine,
        "user": execution.user,
        "since": execution.started,
        "execution": execution.name,
    }
