"""`latchkey revoke`: ends a reset that is under way, and undoes it."""

from __future__ import annotations

import click

from cli import render
from cli.readers import executions
from cli.target import Target, on_stack


@click.command()
@click.argument("what", metavar="USER|EXECUTION")
@click.option("--yes", is_flag=True, help="Do not ask.")
@on_stack
def revoke(target: Target, what: str, *, yes: bool) -> None:
    """End the reset of USER that is under way: its link opens nothing, its password is replaced.

    Stops the execution and starts the cleanup, which undoes what is left. The user is not told.

    Exits with 1 when nothing is under way.
    """
    found = executions.last_of(target.sfn, target.stack, what, "RUNNING") or executions.find(
        target.sfn, target.stack, what
    )
    if found is None or found.status != "RUNNING" or found.machine != "reset":
        raise click.ClickException(f"No reset of {what} is under way.")
    if not yes:
        click.confirm(f"Revoke the reset of {found.user}, {found.name}?", abort=True, err=True)
    target.sfn.stop_execution(executionArn=found.arn, error="Revoked", cause="by an operator")
    cleanup = target.sfn.start_execution(stateMachineArn=executions.machine_arn(target.stack, "cleanup"))
    if target.as_json:
        render.write_json({"stopped": found.arn, "cleanup": cleanup["executionArn"]})
    else:
        render.write_line(
            f"Stopped. The cleanup undoes it: latchkey show {cleanup['executionArn'].rpartition(':')[2]}"
        )
