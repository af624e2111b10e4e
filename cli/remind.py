"""`latchkey remind`: runs the reminders, or tries them."""

from __future__ import annotations

import json
from typing import Any

import click

from cli import render
from cli.follow import follow
from cli.readers import executions
from cli.target import Target, on_stack


@click.command()
@click.option("--dry-run", is_flag=True, help="Say who would be mailed; mail no one.")
@click.option("--test", "tester", metavar="ADDRESS", help="Send the first 20 mails to this address instead.")
@click.option("--user", metavar="NAME", help="Say of one user when the password expires; mail no one.")
@click.option("--yes", is_flag=True, help="Do not ask before people are mailed.")
@on_stack
def remind(target: Target, *, dry_run: bool, tester: str | None, user: str | None, yes: bool) -> None:
    """Start the day's reminders, or try them.

    With --dry-run, --test or --user it tries them. A second run on the same day mails no one twice.

    Exits with 1 when the run fails, or something in it went wrong.
    """
    if sum(map(bool, (dry_run, tester, user))) > 1:
        raise click.UsageError("Take one of --dry-run, --test and --user.")
    machine = executions.machine_arn(target.stack, "reminders")
    if not machine:
        raise click.ClickException("This stack sends no reminders.")
    given: dict[str, str] = {}
    if user:
        given = {"user": user}
    elif tester:
        given = {"mode": "test", "to": tester}
    elif dry_run:
        given = {"mode": "dry-run"}
    elif not yes:
        click.confirm("Mail everyone whose password is due?", abort=True, err=True)
    started = target.sfn.start_execution(stateMachineArn=machine, input=json.dumps(given))
    found = follow(target, started["executionArn"])
    if target.as_json:
        answer = {"execution": found.arn, "status": found.status, "output": found.output}
        render.write_json({**answer, "error": found.error, "cause": found.cause})
    elif found.status != "SUCCEEDED":
        render.write_line(found.failure, bad=True)
    else:
        _write(found.output)
    if found.status != "SUCCEEDED":
        raise SystemExit(1)


def _write(output: Any) -> None:  # noqa: ANN401  # the state machine's, as statemachines/reminders.asl.json has it
    if "answers" in output:
        for answer in output["answers"]:
            left = "" if answer["days_left"] is None else f", in {answer['days_left']} days"
            mailed = "is mailed today" if answer["would_be_mailed"] else f"is not mailed: {answer['because']}"
            render.write_line(
                f"{answer['user']} ({answer['source']}): expires {answer['expires']}{left}; {mailed}"
            )
            render.write_line(f"  by {answer['policy']}")
        for reason in (*output.get("not_found", []), *output.get("not_asked", [])):
            render.write_line(reason)
        return
    render.write_table(("people", ""), [(str(number), what) for what, number in output["counts"].items()])
    render.write_line(f"Who they are: {output['report']}")
