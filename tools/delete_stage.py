"""Delete a stage from AWS, and first what would hold it up: what waits, keys, and a policy that is in use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError, ClientError

from cli import options
from cli.readers.stack import find_stack
from cli.stage import read_stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_stepfunctions import SFNClient

    from cli.scope import Stack

LEFT = """What stays, and why:
- the KMS keys, pending deletion for seven days: `aws kms cancel-key-deletion` brings one back
- the bucket with the reminders' lists, unreadable without its key; its objects expire in 30 days
- with CreateApiLogsRole, the role for API Gateway's logs: other APIs of the account may write with it
- SAM's own stack aws-sam-cli-managed-default and its bucket, which the account's SAM applications share
- in Parameter Store, passwords that waited to be claimed; nothing can decrypt them, and they expire
- in IAM, the users: each password is what the last reset or its owner made it
"""


def waiting(sfn: SFNClient, stack: Stack) -> list[str]:
    """Return what runs in the stack's state machines: each would keep its machine in deletion."""
    pages = sfn.get_paginator("list_executions")
    return [
        run["executionArn"]
        # A machine that was never made has no name.
        for machine in filter(None, stack.all_of("AWS::StepFunctions::StateMachine"))
        for page in pages.paginate(stateMachineArn=machine, statusFilter="RUNNING")
        for run in page["executions"]
    ]


def stop(sfn: SFNClient, arns: Sequence[str]) -> None:
    """End executions; what has ended meanwhile stays as it is."""
    for arn in arns:
        sfn.stop_execution(executionArn=arn, error="StageDeleted", cause="The stage is being deleted.")


def delete_keys(iam: IAMClient, user: str) -> int:
    """Delete the access keys that rotations made for a user, and return how many there were."""
    try:
        keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    except iam.exceptions.NoSuchEntityException:
        return 0
    for key in keys:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    return len(keys)


def detach(iam: IAMClient, policy: str) -> int:
    """Take a policy from all who have it, since IAM deletes none that is attached; return how many had it."""
    try:
        pages = [*iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=policy)]
    except iam.exceptions.NoSuchEntityException:
        return 0
    roles = [role["RoleName"] for page in pages for role in page["PolicyRoles"]]
    users = [user["UserName"] for page in pages for user in page["PolicyUsers"]]
    groups = [group["GroupName"] for page in pages for group in page["PolicyGroups"]]
    for role in roles:
        iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    for user in users:
        iam.detach_user_policy(UserName=user, PolicyArn=policy)
    for group in groups:
        iam.detach_group_policy(GroupName=group, PolicyArn=policy)
    return len([*roles, *users, *groups])


def told(arns: Sequence[str]) -> str:
    """List what runs, machine by machine, and say what stopping it means."""
    if not arns:
        return "Nothing waits.\n"
    machines = [arn.split(":")[-2] for arn in arns]
    counts = [f"- {machines.count(machine)} of {machine}\n" for machine in dict.fromkeys(machines)]
    return (
        f"{len(arns)} execution(s) run, and would keep the stage in deletion for days:\n{''.join(counts)}"
        "Nothing undoes what is stopped: people who wait for a link need an administrator then.\n"
    )


@click.command(help=__doc__)
@click.argument("name", metavar="STAGE")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
def main(name: str, *, yes: bool) -> None:
    """Tell, ask, end what waits, delete the keys, and leave the rest to `sam delete`."""
    stage = read_stage(Path.cwd(), name)
    session = options.open_session(None, stage.region, None)
    try:
        stack = find_stack(session.client("cloudformation"), stage.stack)
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"The stack {stage.stack} cannot be read: {error}") from None
    if stack is None:
        raise click.ClickException(f"There is no stack {stage.stack} in {stage.region}.")
    # Asked before anything ends: CloudFormation would refuse at the very last.
    if stack.protected:
        raise click.ClickException(
            f"The stack {stack.name} is protected from deletion: aws cloudformation"
            f" update-termination-protection --no-enable-termination-protection --stack-name {stack.name}"
        )
    sfn = session.client("stepfunctions")
    arns = waiting(sfn, stack)
    click.echo(told(arns), nl=False)
    # Before anything ends: without its keys a stack that stays could send no mail.
    if not yes:
        click.confirm(f"Delete {stack.name} in {stage.region}, for good?", abort=True)
    stop(sfn, arns)
    iam, user, policy = session.client("iam"), stack.find("SmtpUser"), stack.find("OperatorsPolicy")
    deleted, detached = delete_keys(iam, user) if user else 0, detach(iam, policy) if policy else 0
    click.echo(
        f"{len(arns)} execution(s) stopped, {deleted} access key(s) of the SMTP user deleted,"
        f" {detached} operator(s) left without their policy."
    )
    sam = Path(sys.executable).with_name("sam")
    done = subprocess.call([sam, "delete", "--config-env", name, "--no-prompts"])  # noqa: S603  # our own tool
    if done == 0:
        click.echo(LEFT, nl=False)
    sys.exit(done)


if __name__ == "__main__":
    main()
