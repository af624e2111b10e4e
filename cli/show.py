"""`latchkey show`: what an execution did."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cli import options, render
from cli.readers import executions, logs
from cli.rules.timeline import read_steps, say_duration
from cli.target import Target, on_stack

if TYPE_CHECKING:
    from cli.readers.executions import Execution
    from cli.readers.logs import LogLine
    from cli.rules.timeline import Step


@click.command()
@click.argument("what", metavar="EXECUTION|USER")
@on_stack
def show(target: Target, what: str) -> None:
    """Show what an execution did, or the last reset of a user, in whichever spelling.

    States, tries, causes and log lines. Reads no input or output of a state, and shows no secret.

    Exits with 1 when there is no such execution and no reset of such a user.
    """
    found = executions.find(target.session, target.stack, what)
    if found is None:
        raise click.ClickException(f"There is no execution {what}, and no reset of a user of that name.")
    steps = read_steps(executions.history(target.sfn, found.arn))
    lines = logs.log_lines(target.session, target.stack, found)
    if target.as_json:
        render.write_json(
            {
                "execution": found.arn,
                "machine": found.machine,
                "user": found.user,
                "status": found.status,
                "started": found.started,
                "stopped": found.stopped,
                "because": _because(found),
                "states": [asdict(step) for step in steps],
                "log": [asdict(line) for line in lines],
            }
        )
        return
    _write(found, steps, lines)


def _write(found: Execution, steps: list[Step], lines: list[LogLine]) -> None:
    end = found.stopped or options.now()
    took = say_duration((end - found.started).total_seconds())
    render.write_line(f"{found.heading}, {took}")
    if because := _because(found):
        render.write_line(because, bad=bool(found.error))
    render.write_table(
        ("at", "state", "took", "tries", "what went wrong"),
        [
            (
                say_duration((step.entered - found.started).total_seconds()),
                step.state,
                say_duration(step.seconds(end)) + ("" if step.left or found.stopped else " so far"),
                str(step.tries or ""),
                "\n".join(step.failures),
            )
            for step in steps
        ],
    )
    render.write_table(
        ("logged", "level", "by", "message"),
        [(f"{line.at:%H:%M:%S}", line.level, line.function, line.message) for line in lines],
    )


def _because(found: Execution) -> str:
    """Return why an execution ended as it did, where it says so."""
    if found.error:
        return found.failure
    output = found.output if isinstance(found.output, dict) else {}
    return str(output.get("because", ""))
