"""The stack: its state in CloudFormation, its alarms, key, secret, schedules and executions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cli.readers import NotThereError, asking
from cli.rules.stack import Alarms, Credentials, FailedRun, Runs, StackState
from cli.scope import Resource, Stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_stepfunctions import SFNClient

    from cli.rules.stack import Plan
    from cli.scope import Scope

#: How the template's description begins.
_DESCRIPTION = "Latchkey"

#: How far back failed resets are counted, and how many are looked at.
_LATELY = timedelta(days=1)
_LOOKED_AT = 20

_ENDED_BADLY = frozenset({"FAILED", "TIMED_OUT"})


def find_stack(cloudformation: CloudFormationClient, name: str) -> Stack | None:
    """Return a stack; None where there is none. What a rollback or a deletion took from it is left out."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        # What CloudFormation answers about a stack that is not there.
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    return Stack(
        name=found["StackName"],
        status=found["StackStatus"],
        parameters={
            each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])
        },
        resources=tuple(
            Resource(each["LogicalResourceId"], each["ResourceType"], each.get("PhysicalResourceId", ""))
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceStatus"] != "DELETE_COMPLETE"
        ),
        protected=found.get("EnableTerminationProtection", False),
    )


def read_plan(scope: Scope) -> Plan:
    """Return what is to be deployed."""
    return scope.plan


def read_state(scope: Scope) -> StackState | None:
    """Read the state of the stack, and which others there are; None before the first deployment of any."""
    pages = scope.session.client("cloudformation").get_paginator("describe_stacks").paginate()
    others = tuple(
        stack["StackName"]
        for page in pages
        for stack in page["Stacks"]
        if stack.get("Description", "").startswith(_DESCRIPTION) and stack["StackName"] != scope.plan.name
    )
    return StackState(scope.plan.name, scope.stack.status if scope.stack else "", others)


def read_alarms(scope: Scope) -> Alarms:
    """Read who gets the stack's alarms, and which are in ALARM."""
    address = scope.parameter("AdminAddress")
    if scope.stack is None:
        return Alarms(address)
    names = scope.stack.all_of("AWS::CloudWatch::Alarm")
    found = scope.session.client("cloudwatch").describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    pages = (
        scope.session.client("sns")
        .get_paginator("list_subscriptions_by_topic")
        .paginate(TopicArn=scope.stack.find("AlarmTopic"))
    )
    # SNS gives a subscription an ARN once it is confirmed; before that the word PendingConfirmation.
    confirmed = any(
        subscription["SubscriptionArn"].startswith("arn:")
        for page in pages
        for subscription in page["Subscriptions"]
    )
    return Alarms(
        address,
        confirmed,
        silenced=tuple(names[each["AlarmName"]] for each in found if not each["ActionsEnabled"]),
        ringing=tuple(names[each["AlarmName"]] for each in found if each["StateValue"] == "ALARM"),
    )


def read_key(scope: Scope) -> str | None:
    """Read the state of the key that seals passwords."""
    key = scope.stack.find("ClaimKey") if scope.stack else ""
    if not key:
        return None
    try:
        with asking():
            return scope.session.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    except NotThereError:
        return "Deleted"


def read_credentials(scope: Scope) -> Credentials | None:
    """Read since when the SMTP credentials are current, and nothing of the credentials."""
    secret = scope.stack.find("SmtpSecret") if scope.stack else ""
    if not secret:
        return None
    secrets = scope.session.client("secretsmanager")
    changed: datetime | None = None
    try:
        with asking():
            gone = "DeletedDate" in secrets.describe_secret(SecretId=secret)
            versions = secrets.list_secret_version_ids(SecretId=secret)["Versions"]
    except NotThereError:
        pass
    else:
        current = (each["CreatedDate"] for each in versions if "AWSCURRENT" in each.get("VersionStages", []))
        changed = None if gone else next(current, None)
    return Credentials(changed, int(scope.parameter("RotationDays")), scope.now)


def read_schedules(scope: Scope) -> tuple[str, ...]:
    """Read which of the stack's schedules are disabled."""
    names = scope.stack.all_of("AWS::Scheduler::Schedule") if scope.stack else {}
    scheduler = scope.session.client("scheduler")
    return tuple(
        logical for name, logical in names.items() if scheduler.get_schedule(Name=name)["State"] == "DISABLED"
    )


def read_runs(scope: Scope) -> Runs:
    """Read what failed lately."""
    machines = scope.stack.all_of("AWS::StepFunctions::StateMachine") if scope.stack else {}
    sfn = scope.session.client("stepfunctions")
    failed: list[FailedRun] = []
    resets: tuple[str, ...] = ()
    for arn, logical in machines.items():
        if logical == "ResetStateMachine":
            resets = _failed_resets(sfn, arn, scope.now - _LATELY)
            continue
        ended = [
            each
            for each in sfn.list_executions(stateMachineArn=arn, maxResults=_LOOKED_AT)["executions"]
            if each["status"] not in {"RUNNING", "PENDING_REDRIVE", "ABORTED"}
        ]
        if ended and ended[0]["status"] in _ENDED_BADLY:
            why = sfn.describe_execution(executionArn=ended[0]["executionArn"])
            failed.append(
                FailedRun(
                    machine=logical.removesuffix("StateMachine").lower(),
                    execution=ended[0]["name"],
                    error=why.get("error", ended[0]["status"]),
                    cause=why.get("cause", ""),
                )
            )
    return Runs(tuple(failed), resets)


def _failed_resets(sfn: SFNClient, arn: str, since: datetime) -> tuple[str, ...]:
    listed = sfn.list_executions(stateMachineArn=arn, statusFilter="FAILED", maxResults=_LOOKED_AT)
    return tuple(
        sfn.describe_execution(executionArn=each["executionArn"]).get("error", "FAILED")
        for each in listed["executions"]
        if each["stopDate"] > since
    )
