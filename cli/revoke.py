"""`latchkey revoke`: ends a reset that is under way, and undoes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import follow, render
from cli.readers import executions, registry
from cli.target import Target, on_stack
from latchkey.domain.resets import Phase

if TYPE_CHECKING:
    from cli.readers.executions import Execution

#: Phases in which a step that is at work still, as the execution stops, can open the account to no one.
_AT_REST = (Phase.STORED, Phase.WAITING, Phase.CLAIMED)


@click.command()
@click.argument("what", metavar="USER|EXECUTION")
@click.option("--yes", is_flag=True, help="Do not ask.")
@on_stack
def revoke(target: Target, what: str, *, yes: bool) -> None:
    """Undo the reset of USER that is under way.

    Its link opens nothing, and a password that is kept nowhere replaces its own. The user is not told. A
    reset that is just changing the account is stopped, and an hourly cleanup undoes it, within 90 minutes.

    Exits with 1 when nothing is under way, or is not undone yet.
    """
    found = _under_way(target, what)
    if found is None:
        raise click.ClickException(f"No reset of {what} is under way.")
    if not yes:
        click.confirm(
            f"Revoke the reset of {render.printable(found.user)}, {found.name}?", abort=True, err=True
        )
    target.sfn.stop_execution(executionArn=found.arn, error="Revoked", cause="by an operator")
    # The cleanup leaves a reset that still runs alone, and Step Functions says late that one does not.
    while executions.describe(target.sfn, found.arn).status == "RUNNING":
        follow.pause()
    item = _Item(target, found)
    cleanup = ""
    if item.make_due():
        machine = executions.machine_arn(target.stack, "cleanup")
        cleanup = target.sfn.start_execution(stateMachineArn=machine)["executionArn"]
        follow.follow(target, cleanup)
    undone = item.is_over()
    if target.as_json:
        render.write_json({"stopped": found.arn, "cleanup": cleanup, "undone": undone})
    elif undone and not cleanup:
        render.write_line("Stopped, before it changed the account.")
    elif undone:
        render.write_line("Undone: its link opens nothing, and no one knows the password.")
    else:
        render.write_line(
            "Stopped, and not undone yet: an hourly cleanup does so within 90 minutes.", bad=True
        )
    if not undone:
        raise SystemExit(1)


def _under_way(target: Target, what: str) -> Execution | None:
    """Return the reset of that name, or the last of the user of that name, in whichever spelling."""
    running = [each for each in executions.running(target.sfn, target.stack) if each.machine == "reset"]
    named = next((each for each in running if what in {each.name, each.arn}), None)
    return named or executions.last_of(target.session, target.stack, what, "RUNNING")


class _Item:
    """What the registry keeps of a reset that changed an account; nothing before."""

    def __init__(self, target: Target, reset: Execution) -> None:
        self._target = target
        self._execution = reset.name
        self._id = registry.find(target.session, target.stack, reset.name)

    def make_due(self) -> bool:
        """Let the cleanup look at the reset now, and not only after the link's time; tell whether it will.

        One that is just changing the account stays as it is: a step of it may be at work still.
        """
        if not self._id:
            return False
        dynamodb = self._target.session.client("dynamodb")
        try:
            dynamodb.update_item(
                **registry.where(self._target.stack, self._id),
                UpdateExpression="SET due_at = :now",
                ConditionExpression=(
                    f"#current.#execution = :execution AND #current.#phase IN (:{', :'.join(_AT_REST)})"
                ),
                ExpressionAttributeNames={name: name[1:] for name in ("#current", "#execution", "#phase")},
                ExpressionAttributeValues={
                    ":now": {"N": "1"},
                    ":execution": {"S": self._execution},
                    **{f":{phase}": {"S": phase.value} for phase in _AT_REST},
                },
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def is_over(self) -> bool:
        """Tell whether nothing of the reset has the account any more, or it never had it."""
        if not self._id:
            return True
        current = registry.read(self._target.session, self._target.stack, self._id)
        return current.get("execution") != {"S": self._execution} or current["phase"] == {
            "S": Phase.OVER.value
        }
