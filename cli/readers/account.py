"""The account: API Gateway's role, quotas, the password policy, who deploys, and what parameters name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cli.readers import NotThereError, asking
from cli.rules.account import ApiLogging, Deployer, Named, PasswordAging

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import ContextEntryTypeDef

    from cli.scope import Scope

#: One action of each service that a deployment creates something with.
_DEPLOYMENT = (
    "apigateway:POST",
    "cloudformation:CreateChangeSet",
    "cloudwatch:PutMetricAlarm",
    "dynamodb:CreateTable",
    "iam:CreateRole",
    "kms:CreateKey",
    "lambda:CreateFunction",
    "logs:CreateLogGroup",
    "s3:CreateBucket",
    "scheduler:CreateSchedule",
    "secretsmanager:CreateSecret",
    "sns:CreateTopic",
    "states:CreateStateMachine",
)

_BOUNDARY = "iam:PermissionsBoundary"


def read_api_logging(scope: Scope) -> ApiLogging:
    """Read the role that API Gateway writes logs with."""
    role = scope.session.client("apigateway").get_account().get("cloudwatchRoleArn", "")
    iam = scope.session.client("iam")
    exists = bool(role) and _is_there(lambda: iam.get_role(RoleName=role.rpartition("/")[2]))
    return ApiLogging(role, exists, created=scope.parameter("CreateApiLogsRole") == "true")


def read_concurrency(scope: Scope) -> int:
    """Read how many functions may run at the same time, beside those reserved for some."""
    limits = scope.session.client("lambda").get_account_settings()["AccountLimit"]
    return limits["UnreservedConcurrentExecutions"]


def read_password_policy(scope: Scope) -> PasswordAging:
    """Read the account's password policy, and what the reminders are to do."""
    try:
        with asking():
            policy = scope.session.client("iam").get_account_password_policy()["PasswordPolicy"]
    except NotThereError:
        age = None
    else:
        age = policy.get("MaxPasswordAge")
    return PasswordAging(
        max_age=age or None,
        reminds=scope.parameter("RemindIamUsers") == "true",
        notify_days=tuple(int(days) for days in scope.listed("NotifyDays")) or (1,),
    )


def read_deployer(scope: Scope) -> Deployer | None:
    """Ask IAM's simulation what a deployment would be refused; None for a caller it does not know."""
    if not scope.deploying:
        return None
    iam = scope.session.client("iam")
    caller = scope.session.client("sts").get_caller_identity()["Arn"]
    source = _source(iam, caller)
    if not source:
        return None
    boundary = scope.parameter("PermissionsBoundaryArn")
    # Only reminders need SMTP credentials, and these a user.
    reminds = scope.parameter("RemindIamUsers") == "true" or bool(scope.listed("DirectoryHosts"))
    context: list[ContextEntryTypeDef] = [
        {"ContextKeyName": _BOUNDARY, "ContextKeyValues": [boundary], "ContextKeyType": "string"}
    ]
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=source,
        ActionNames=[*_DEPLOYMENT, *(["iam:CreateUser"] if reminds else [])],
        ContextEntries=context if boundary else [],
    )
    refused = [
        result
        for page in pages
        for result in page["EvaluationResults"]
        if result["EvalDecision"] != "allowed"
    ]
    return Deployer(
        name=source.rpartition("/")[2],
        denied=tuple(result["EvalActionName"] for result in refused),
        lacks_boundary=any(
            result["EvalActionName"] == "iam:CreateRole"
            and _BOUNDARY.lower() in map(str.lower, result.get("MissingContextValues", []))
            for result in refused
        ),
    )


def read_named(scope: Scope) -> Named:
    """Read whether what the parameters name is there."""
    iam = scope.session.client("iam")
    boundary, acl = scope.parameter("PermissionsBoundaryArn"), scope.parameter("WebAclArn")
    pool, helpdesk = _pool_and_helpdesk(scope)
    return Named(
        boundary=(boundary, _is_there(lambda: iam.get_policy(PolicyArn=boundary))) if boundary else None,
        user_pool=pool,
        helpdesk_group=helpdesk,
        web_acl=(acl, _is_there(lambda: _web_acl(scope, acl))) if acl else None,
        missing_groups=tuple(
            name
            for name in scope.listed("ProtectedGroups")
            if name not in _USUAL_GROUPS and not _is_there(partial(iam.get_group, GroupName=name))
        ),
    )


def _pool_and_helpdesk(scope: Scope) -> tuple[tuple[str, bool] | None, tuple[str, bool] | None]:
    """Read whether the user pool that a parameter names is there, and its group; not of another account's.

    API Gateway takes such a pool too, but it cannot be seen
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-cross-account-cognito-authorizer.html).
    """
    pool, group = scope.parameter("UserPoolArn"), scope.parameter("HelpdeskGroup")
    if not pool:
        return None, None
    try:
        # As in arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID
        region, account, resource = pool.split(":")[3:]
    except ValueError:
        return (pool, False), None
    if account != scope.session.client("sts").get_caller_identity()["Account"]:
        return None, None
    # The pool may be in another region than the API.
    cognito, pool_id = scope.session.client("cognito-idp", region_name=region), resource.rpartition("/")[2]
    return (
        (pool, _is_there(lambda: cognito.describe_user_pool(UserPoolId=pool_id))),
        (group, _is_there(lambda: cognito.get_group(GroupName=group, UserPoolId=pool_id))) if group else None,
    )


#: What ProtectedGroups names by default, whether the account has them or not.
_USUAL_GROUPS = frozenset({"Administrators", "Admins"})


def _web_acl(scope: Scope, arn: str) -> object:
    # As in arn:aws:wafv2:REGION:ACCOUNT:regional/webacl/NAME/ID
    name, identity = arn.split("/")[2:4]
    return scope.session.client("wafv2").get_web_acl(Name=name, Id=identity, Scope="REGIONAL")


def _is_there(ask: Callable[[], object]) -> bool:
    try:
        with asking():
            ask()
    except NotThereError:
        return False
    return True


def _source(iam: IAMClient, caller: str) -> str:
    """Return whose policies decide about a caller; empty for the root user and for federated users."""
    kind, _, rest = caller.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        # The ARN of a session has no path; the role's has.
        return iam.get_role(RoleName=rest.partition("/")[0])["Role"]["Arn"]
    return caller if kind == "user" else ""
