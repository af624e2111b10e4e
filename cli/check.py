"""`latchkey check`: what would go wrong in this account, before a deployment and after."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from cli import options, render
from cli.findings import Kind
from cli.readers import account as read_account
from cli.readers import directory as read_directory
from cli.readers import mail as read_mail
from cli.readers import people as read_people
from cli.readers import stack as read_stack
from cli.rules import account, directory, mail, people, stack
from cli.scope import Scope
from cli.stage import parse_parameters, read_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from boto3 import Session

    from cli.findings import Finding
    from cli.stage import Stage

NOT_CHECKED = Kind(
    "NotChecked",
    section="what-could-not-be-read",
    remedy="Sign in with the policy that docs/check.md has.",
)

#: Every kind of finding, by its name.
KINDS = {
    kind.name: kind
    for kind in (
        *(each for rules in (account, stack, mail, people, directory) for each in vars(rules).values()),
        NOT_CHECKED,
    )
    if isinstance(kind, Kind)
}


@dataclass(frozen=True, slots=True)
class Check[Facts]:
    """Facts of one subject, and the rules about them; no facts where the subject does not apply."""

    subject: str
    read: Callable[[Scope], Facts | None]
    classify: Callable[[Facts], Iterator[Finding]]

    def run(self, scope: Scope) -> Iterator[Finding]:
        """Yield the findings, or the one that says why there can be none."""
        try:
            facts = self.read(scope)
        except (BotoCoreError, ClientError, TimeoutError) as error:
            yield NOT_CHECKED.found(f"{self.subject} could not be read. {error}")
            return
        if facts is not None:
            yield from self.classify(facts)


CHECKS: tuple[Check[Any], ...] = (
    Check("The plan", read_stack.read_plan, stack.check_plan),
    Check("The stack's state", read_stack.read_state, stack.check_state),
    Check("Who deploys", read_account.read_deployer, account.check_deployer),
    Check("What parameters name", read_account.read_named, account.check_named),
    Check("API Gateway's role for logs", read_account.read_api_logging, account.check_api_logging),
    Check("Lambda's quotas", read_account.read_concurrency, account.check_concurrency),
    Check("The password policy", read_account.read_password_policy, account.check_password_policy),
    Check("SES", read_mail.read_account, mail.check_account),
    Check("The sender", read_mail.read_sender, mail.check_sender),
    Check("SES's suppression list", read_mail.read_admin, mail.check_admin),
    Check("The alarms", read_stack.read_alarms, stack.check_alarms),
    Check("The key", read_stack.read_key, stack.check_key),
    Check("The SMTP credentials", read_stack.read_credentials, stack.check_credentials),
    Check("The schedules", read_stack.read_schedules, stack.check_schedules),
    Check("The last executions", read_stack.read_runs, stack.check_runs),
    Check("The people", read_people.read_people, people.check_people),
    Check("The directory's certificate", read_directory.read_authority, directory.check_authority),
    Check("The directory's secret", read_directory.read_secret, directory.check_secret),
    Check("The secret of the directory's resets", read_directory.read_reset_secret, directory.check_secret),
    Check("The directory's network", read_directory.read_network, directory.check_network),
)


@click.command()
@options.common_options
@click.option("--stage", metavar="NAME", help="Check what a stage of samconfig.toml would deploy.")
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Check with this parameter, too."
)
@click.option(
    "--ignore", multiple=True, type=click.Choice(list(KINDS)), metavar="NAME", help="Leave this finding out."
)
@click.option("--notes", is_flag=True, help="Show what is so on purpose, too.")
@click.option("--list", "only_list", is_flag=True, help="List every kind of finding, and check nothing.")
def check(  # noqa: PLR0913  # an option each
    *,
    stack: str | None,
    profile: str | None,
    region: str | None,
    endpoint_url: str | None,
    as_json: bool,
    stage: str | None,
    parameters: tuple[str, ...],
    ignore: tuple[str, ...],
    notes: bool,
    only_list: bool,
) -> None:
    """Find what goes wrong in this account, or will; change nothing.

    Before a deployment: --stage, in a checkout. After: --stack. Says nothing where nothing is wrong.

    Exits with 0 when nothing was found, 1 when something was, 2 for a wrong option, 3 when AWS refuses.
    """
    if only_list:
        if as_json:
            render.write_json([asdict(kind) for kind in KINDS.values()])
        else:
            render.write_kinds(KINDS.values())
        return
    planned = read_stage(Path.cwd(), stage) if stage else None
    session = options.open_session(profile, region or (planned.region if planned else None), endpoint_url)
    scope = look_at(session, stack, planned, parse_parameters(parameters), options.now())
    found = [
        finding
        for each in CHECKS
        for finding in each.run(scope)
        if finding.name not in ignore and (notes or not finding.note)
    ]
    if as_json:
        render.write_json({"stack": scope.plan.name, "findings": [asdict(finding) for finding in found]})
    else:
        render.write_findings(found)
    if any(not finding.note for finding in found):
        raise SystemExit(1)


def look_at(
    session: Session, name: str | None, stage: Stage | None, parameters: Mapping[str, str], now: datetime
) -> Scope:
    """Return what is to be checked: a deployed stack, or what a stage would make of it.

    Raises:
        click.UsageError: when neither says which stack, or parameters come without a stage.
        click.ClickException: when there is no such stack, and no stage that would deploy it.
    """
    # A stage has its stack: LATCHKEY_STACK may be that of another.
    name = stage.stack if stage else name
    if not name:
        raise click.UsageError("Say which stack: --stack, LATCHKEY_STACK or --stage.")
    # Asked first: without credentials nothing else is worth asking.
    session.client("sts").get_caller_identity()
    found = read_stack.find_stack(session.client("cloudformation"), name)
    if stage is not None:
        given = {**stage.overrides, **parameters}
        values = {
            **{key: value for key, value in stage.defaults.items() if value is not None},
            **(found.parameters if found else {}),
            **given,
        }
        plan = stack.Plan(
            name,
            missing=tuple(key for key in stage.defaults if key not in values),
            unknown=tuple(key for key in given if key not in stage.defaults),
        )
        return Scope(session, plan, values, found, deploying=True, now=now)
    if parameters:
        raise click.UsageError("--parameter needs a --stage.")
    if found is None:
        raise click.ClickException(
            f"There is no stack {name} in {session.region_name}. Before its first deployment: --stage."
        )
    return Scope(session, stack.Plan(name), found.parameters, found, deploying=False, now=now)
