"""`latchkey ask`: starts a reset for a user."""

from __future__ import annotations

import json

import click

from cli import render
from cli.readers import executions
from cli.target import Target, on_stack
from latchkey.domain.claims import new_execution_name


@click.command()
@click.argument("user")
@click.option("--confirm", is_flag=True, help="Ask the user first; nothing changes before they say yes.")
@on_stack
def ask(target: Target, user: str, *, confirm: bool) -> None:
    """Start a reset for USER, who gets the mail.

    Nothing shows the password to you.

    Exits with 1 when one is under way for the user already.
    """
    going = executions.last_of(target.session, target.stack, user, "RUNNING")
    if going is not None:
        raise click.ClickException(f"A reset of {user} is under way: latchkey show {going.name}")
    name = new_execution_name(user)
    started = target.sfn.start_execution(
        stateMachineArn=executions.machine_arn(target.stack, "reset"),
        name=name,
        input=json.dumps({"user": user, **({"confirm": True} if confirm else {})}),
    )
    if target.as_json:
        render.write_json({"execution": started["executionArn"]})
    else:
        render.write_line(f"Started. What becomes of it: latchkey show {name}")
