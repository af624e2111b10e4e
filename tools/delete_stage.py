"""Delete a stage from AWS, and first what would hold it up: executions that wait, the SMTP user's keys."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import boto3
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_stepfunctions import SFNClient

LEFT = """What stays, and why:
- the KMS keys, pending deletion for seven days: `aws kms cancel-key-deletion` brings one back
- the bucket with the reminders' lists, unreadable without its key; its objects expire in 30 days
- with CreateApiLogsRole, the role for API Gateway's logs: other APIs of the account may write with it
- SAM's own stack aws-sam-cli-managed-default and its bucket, which the account's SAM applications share
- in Parameter Store, passwords that waited to be claimed; nothing can decrypt them, and they expire
- in IAM, the users: each password is what the last reset or its owner made it
"""


def place_of(
    stage: str, config: Mapping[str, Mapping[str, Mapping[str, Mapping[str, str]]]]
) -> tuple[str, str]:
    """Return the name and the region of a stage's stack.

    Args:
        stage: as samconfig.toml names it.
        config: what samconfig.toml holds.

    Raises:
        SystemExit: with a sentence, when there is no such stage.
    """
    stages = {
        name: part["global"]["parameters"]
        for name, part in config.items()
        if isinstance(part, dict) and "stack_name" in part.get("global", {}).get("parameters", {})
    }
    if stage not in stages:
        _stop(f"There is no stage {stage} in samconfig.toml; it has {', '.join(stages)}.")
    return stages[stage]["stack_name"], stages[stage]["region"]


def _stop(sentence: str) -> NoReturn:
    sys.exit(sentence)


def waiting(cloudformation: CloudFormationClient, executions: SFNClient, stack: str) -> list[str]:
    """Return the executions of the stack's state machines that run: each would keep its machine in deletion.

    Raises:
        SystemExit: with a sentence, when there is no such stack.
    """
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    try:
        resources = [each for page in pages for each in page["StackResourceSummaries"]]
    except ClientError as error:
        _stop(f"The stack {stack} cannot be read: {error}")
    machines = [
        each["PhysicalResourceId"]
        for each in resources
        if each["ResourceType"] == "AWS::StepFunctions::StateMachine" and "PhysicalResourceId" in each
    ]
    runs = executions.get_paginator("list_executions")
    return [
        run["executionArn"]
        for machine in machines
        for page in runs.paginate(stateMachineArn=machine, statusFilter="RUNNING")
        for run in page["executions"]
    ]


def stop(executions: SFNClient, arns: Sequence[str]) -> None:
    """End executions; what has ended meanwhile stays as it is."""
    for arn in arns:
        executions.stop_execution(executionArn=arn, error="StageDeleted", cause="The stage is being deleted.")


def delete_keys(cloudformation: CloudFormationClient, iam: IAMClient, stack: str) -> int:
    """Delete the access keys that rotations made; return how many there were, 0 without an SMTP user."""
    try:
        found = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="SmtpUser")
        user = found["StackResourceDetail"]["PhysicalResourceId"]
        keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    except (ClientError, KeyError) as error:
        sys.stdout.write(f"No SMTP user in {stack}: {error}\n")
        return 0
    for key in keys:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    return len(keys)


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


def main() -> int:
    """Tell, ask, end what waits, delete the keys, and leave the rest to `sam delete`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--yes", action="store_true", help="do not ask; for scripts")
    given = parser.parse_args()
    stack, region = place_of(given.stage, tomllib.loads(Path("samconfig.toml").read_text(encoding="utf-8")))
    session = boto3.Session(region_name=region)
    cloudformation, executions = session.client("cloudformation"), session.client("stepfunctions")
    arns = waiting(cloudformation, executions, stack)
    sys.stdout.write(told(arns))
    # Before anything ends: without its keys a stack that stays could send no mail.
    if not given.yes and input(f"Delete {stack} in {region}, for good? [y/N] ") != "y":
        return 1
    stop(executions, arns)
    deleted = delete_keys(cloudformation, session.client("iam"), stack)
    sys.stdout.write(f"{len(arns)} execution(s) stopped, {deleted} access key(s) of the SMTP user deleted.\n")
    sam = Path(sys.executable).with_name("sam")
    done = subprocess.call([sam, "delete", "--config-env", given.stage, "--no-prompts"])  # noqa: S603  # our own tool
    if done == 0:
        sys.stdout.write(LEFT)
    return done


if __name__ == "__main__":
    sys.exit(main())
