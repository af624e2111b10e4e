"""`latchkey rotate`: makes new SMTP credentials."""

from __future__ import annotations

import json

import click

from cli import render
from cli.follow import follow
from cli.readers import executions
from cli.target import Target, on_stack

#: The wait in which the old credentials go on working: the new ones are current by then.
_PROMOTED = "Overlap"


@click.command()
@click.option("--leaked", is_flag=True, help="Leave the old credentials no time; stops a rotation that runs.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@on_stack
def rotate(target: Target, *, leaked: bool, yes: bool) -> None:
    """Make new SMTP credentials, and tell each step.

    Ends once they are current. The old ones go on working for OverlapHours; with --leaked they end at once,
    for good.

    Exits with 1 when the rotation fails, or one is under way.
    """
    machine = executions.machine_arn(target.stack, "rotation")
    if not machine:
        raise click.ClickException("This stack has no rotation: it sends no reminders.")
    going = [each for each in executions.running(target.sfn, target.stack) if each.machine == "rotation"]
    if going and not leaked:
        raise click.ClickException(f"A rotation is under way: latchkey show {going[0].name}")
    if leaked:
        if not yes:
            click.confirm("End the present SMTP credentials at once?", abort=True, err=True)
        for each in going:
            target.sfn.stop_execution(executionArn=each.arn, error="Replaced", cause="by an operator")
    waits = {"overlap_seconds": 0, "grace_seconds": 0} if leaked else {}
    started = target.sfn.start_execution(stateMachineArn=machine, input=json.dumps(waits))
    found = follow(target, started["executionArn"], until=() if leaked else (_PROMOTED,))
    failed = found.status not in {"RUNNING", "SUCCEEDED"}
    if target.as_json:
        answer = {"execution": found.arn, "status": found.status, "error": found.error, "cause": found.cause}
        render.write_json(answer)
    elif failed:
        render.write_line(found.failure, bad=True)
    else:
        render.write_line("The new credentials are current.")
    if failed:
        raise SystemExit(1)
