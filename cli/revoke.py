"""`latchkey revoke`: ends a reset that is under way, and undoes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import render
from cli.readers import executions
from cli.target import Target, on_stack
from latchkey.domain.claims import user_key

if TYPE_CHECKING:
    from cli.readers.executions import Execution


@click.command()
@click.argument("what", metavar="USER|EXECUTION")
@click.option("--yes", is_flag=True, help="Do not ask.")
@on_stack
def revoke(target: Target, what: str, *, yes: bool) -> None:
    """End the reset of USER that is under way: its link opens nothing, its password is replaced.

    Stops the execution and starts the cleanup, which undoes what is left. A reset that is just changing the
    account is undone within the hour. The user is not told.

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
    make_due(target, found)
    cleanup = target.sfn.start_execution(stateMachineArn=executions.machine_arn(target.stack, "cleanup"))
    if target.as_json:
        render.write_json({"stopped": found.arn, "cleanup": cleanup["executionArn"]})
    else:
        render.write_line(
            f"Stopped. The cleanup undoes it: latchkey show {cleanup['executionArn'].rpartition(':')[2]}"
        )


def make_due(target: Target, reset: Execution) -> None:
    """Let the cleanup look at a reset that waits for its link now, and not only after the link's time.

    One that is just changing the account stays as it is: a step of it may be at work still.
    """
    dynamodb = target.session.client("dynamodb")
    try:
        dynamodb.update_item(
            TableName=target.stack.find("RegistryTable"),
            Key={"id": {"S": f"user#{user_key(reset.user)}"}},
            UpdateExpression="SET due_at = :now",
            ConditionExpression="#current.#execution = :execution AND #current.#phase IN (:stored, :waiting)",
            ExpressionAttributeNames={name: name[1:] for name in ("#current", "#execution", "#phase")},
            ExpressionAttributeValues={
                ":now": {"N": "1"},
                ":execution": {"S": reset.name},
                ":stored": {"S": "stored"},
                ":waiting": {"S": "waiting"},
            },
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return
