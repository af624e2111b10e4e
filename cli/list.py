"""`latchkey list`: what is under way."""

from __future__ import annotations

import click

from cli import options, render
from cli.readers import executions
from cli.rules.timeline import read_steps, say_duration
from cli.target import Target, on_stack


@click.command("list")
@on_stack
def list_running(target: Target) -> None:
    """List what is under way: whose reset, and in which state."""
    now = options.now()
    rows = []
    for execution in executions.running(target.sfn, target.stack):
        steps = read_steps(executions.history(target.sfn, execution.arn))
        state = steps[-1] if steps else None
        rows.append(
            {
                "machine": execution.machine,
                "user": execution.user,
                "since": execution.started,
                "state": state.state if state else "",
                "seconds": round(state.seconds(now)) if state else 0,
                "execution": execution.name,
            }
        )
    if target.as_json:
        render.write_json(rows)
        return
    render.write_table(
        ("machine", "user", "since", "state", "for", "execution"),
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
