"""`latchkey check`: each fault that an account or a stack can have is named, and a healthy one is not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from cli.check import CHECKS, KINDS, look_at
from cli.stage import Stage
from tests.unit.cli.account import (
    BOUNDARY,
    NOW,
    REGION,
    RESOURCES,
    SECRET,
    SESSION,
    STACK,
    USER_POOL,
    WEB_ACL,
    Account,
    authority,
    before_the_first_deployment,
    decisions,
    error,
    execution,
    person,
    report,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.findings import Finding

STAGE = Stage(STACK, "eu-central-1", {"Stage": "prod"}, {"Stage": "dev", "SenderAddress": None})


FIRST = {"SenderAddress": "latchkey@example.com", "AdminAddress": "ops@example.com"}


def findings(stage: Stage | None = None) -> list[Finding]:
    """Run every check on the account as it is."""
    scope = look_at(SESSION, stage.stack if stage else STACK, stage, {}, NOW)
    return [finding for check in CHECKS for finding in check.run(scope)]


def names(stage: Stage | None = None) -> list[str]:
    return [finding.name for finding in findings(stage)]


@dataclass(frozen=True)
class Fault:
    """A fault: what it is called, what has to be said of it, and how to plant it."""

    name: str
    says: str
    plant: Callable[[Account], object]


def answers(operation: str, answer: Any) -> Callable[[Account], object]:  # noqa: ANN401  # an answer or an error
    return lambda account: account.plant(operation, answer)


def parameters(**values: str) -> Callable[[Account], object]:
    return lambda account: account.set_parameter(**values)


def together(*faults: Callable[[Account], object]) -> Callable[[Account], object]:
    return lambda account: [fault(account) for fault in faults]


def people(*users: dict[str, Any], devices: frozenset[str] = frozenset()) -> Callable[[Account], object]:
    return together(
        answers("iam.GetCredentialReport", report(*(user["UserName"] for user in users), devices=devices)),
        answers("iam.GetAccountAuthorizationDetails", {"UserDetailList": list(users)}),
    )


def simulates(decide: Callable[[dict[str, Any]], str]) -> Callable[[Account], object]:
    return answers(
        "iam.SimulatePrincipalPolicy",
        lambda asked: decisions(*[(action, decide(asked)) for action in asked["ActionNames"]]),
    )


def has_mfa(asked: dict[str, Any]) -> bool:
    (entry,) = asked["ContextEntries"]
    return bool(entry["ContextKeyValues"] == ["true"])


def runs(
    machine: str, *ended: tuple[str, str], why: dict[str, str] | None = None
) -> Callable[[Account], object]:
    listed = [execution(machine, name, status) for name, status in ended]
    arn = RESOURCES[f"{machine.capitalize()}StateMachine"][1]
    return together(
        answers(
            "stepfunctions.ListExecutions",
            lambda asked: {
                "executions": [
                    each
                    for each in listed
                    if asked["stateMachineArn"] == arn
                    and each["status"] == asked.get("statusFilter", each["status"])
                ]
            },
        ),
        answers(
            "stepfunctions.DescribeExecution",
            {
                "executionArn": "arn",
                "stateMachineArn": arn,
                "status": "FAILED",
                "startDate": NOW,
                **(why or {}),
            },
        ),
    )


def event_destination(*types: str, enabled: bool = True) -> dict[str, Any]:
    return {"EventDestinations": [{"Name": "all", "Enabled": enabled, "MatchingEventTypes": list(types)}]}


def identity(asked: dict[str, Any], **changed: Any) -> Any:  # noqa: ANN401  # an answer or an error
    if asked["EmailIdentity"] != "example.com":
        return error("NotFoundException")
    return {
        "IdentityType": "DOMAIN",
        "VerifiedForSendingStatus": True,
        "DkimAttributes": {"SigningEnabled": True, "Status": "SUCCESS"},
        **changed,
    }


def alarm(**changed: object) -> dict[str, Any]:
    name = RESOURCES["ResetFailedAlarm"][1]
    return {"MetricAlarms": [{"AlarmName": name, "ActionsEnabled": True, "StateValue": "OK", **changed}]}


def endpoint(service: str, kind: str, *tables: str) -> dict[str, Any]:
    name = f"com.amazonaws.eu-central-1.{service}"
    return {"ServiceName": name, "VpcEndpointType": kind, "RouteTableIds": list(tables)}


def interface(service: str) -> dict[str, Any]:
    return endpoint(service, "Interface")


FAULTS = [
    # ---- the account
    Fault(
        "ApiLoggingRoleMissing",
        "no role for logs",
        answers("apigateway.GetAccount", {"cloudwatchRoleArn": ""}),
    ),
    Fault("ApiLoggingRoleGone", "does not exist", answers("iam.GetRole", error("NoSuchEntity"))),
    Fault(
        "FewConcurrentFunctions",
        "10 functions",
        answers("lambda.GetAccountSettings", {"AccountLimit": {"UnreservedConcurrentExecutions": 10}}),
    ),
    Fault(
        "PasswordsNeverExpire",
        "no maximum age",
        answers("iam.GetAccountPasswordPolicy", error("NoSuchEntity")),
    ),
    Fault("RemindedFromTheFirstDay", "90 days ahead", parameters(NotifyDays="90,1")),
    Fault(
        "BoundaryMissing",
        BOUNDARY,
        together(
            parameters(PermissionsBoundaryArn=BOUNDARY), answers("iam.GetPolicy", error("NoSuchEntity"))
        ),
    ),
    Fault(
        "UserPoolMissing",
        USER_POOL,
        together(
            parameters(UserPoolArn=USER_POOL),
            answers("cognito-idp.DescribeUserPool", error("ResourceNotFoundException")),
        ),
    ),
    # The slip that is nearest: no ARN, but the pool's id.
    Fault("UserPoolMissing", "us-east-1_Pool", parameters(UserPoolArn="us-east-1_Pool")),
    Fault(
        "HelpdeskGroupMissing",
        "HelpdeskGroup names helpdesk",
        together(
            parameters(UserPoolArn=USER_POOL, HelpdeskGroup="helpdesk"),
            answers("cognito-idp.GetGroup", error("ResourceNotFoundException")),
        ),
    ),
    Fault(
        "WebAclMissing",
        WEB_ACL,
        together(
            parameters(WebAclArn=WEB_ACL), answers("wafv2.GetWebACL", error("WAFNonexistentItemException"))
        ),
    ),
    Fault(
        "ProtectedGroupMissing",
        "Adminz",
        together(parameters(ProtectedGroups="Adminz"), answers("iam.GetGroup", error("NoSuchEntity"))),
    ),
    # ---- mails
    Fault("SesSandbox", "sandbox", answers("sesv2.GetAccount", {"ProductionAccessEnabled": False})),
    Fault(
        "SesSendingPaused", "paused for the account", answers("sesv2.GetAccount", {"SendingEnabled": False})
    ),
    Fault("SesUnderReview", "PROBATION", answers("sesv2.GetAccount", {"EnforcementStatus": "PROBATION"})),
    Fault(
        "SesQuotaNearlyUsed",
        "40001 of the 50000",
        answers("sesv2.GetAccount", {"SendQuota": {"SentLast24Hours": 40_001.0}}),
    ),
    Fault(
        "EngagementTracking",
        "replaces the links",
        answers(
            "sesv2.GetAccount", {"VdmAttributes": {"DashboardAttributes": {"EngagementMetrics": "ENABLED"}}}
        ),
    ),
    Fault(
        "SenderNotVerified",
        "latchkey@example.com",
        answers("sesv2.GetEmailIdentity", error("NotFoundException")),
    ),
    Fault(
        "SenderNotVerified",
        "latchkey@example.com",
        answers("sesv2.GetEmailIdentity", partial(identity, VerifiedForSendingStatus=False)),
    ),
    Fault(
        "SenderNotSigned",
        "example.com carry no DKIM",
        answers("sesv2.GetEmailIdentity", partial(identity, DkimAttributes={"SigningEnabled": False})),
    ),
    Fault(
        "SenderNotSigned",
        "example.com carry no DKIM",
        answers(
            "sesv2.GetEmailIdentity",
            partial(identity, DkimAttributes={"SigningEnabled": True, "Status": "PENDING"}),
        ),
    ),
    Fault(
        "ConfigurationSetMissing", "company", answers("sesv2.GetConfigurationSet", error("NotFoundException"))
    ),
    Fault(
        "ConfigurationSetPaused",
        "company",
        answers("sesv2.GetConfigurationSet", {"SendingOptions": {"SendingEnabled": False}}),
    ),
    Fault(
        "ClickTracking",
        "company",
        answers("sesv2.GetConfigurationSetEventDestinations", event_destination("OPEN", "CLICK")),
    ),
    Fault(
        "AdminSuppressed",
        "ops@example.com",
        answers(
            "sesv2.GetSuppressedDestination",
            {
                "SuppressedDestination": {
                    "EmailAddress": "ops@example.com",
                    "Reason": "BOUNCE",
                    "LastUpdateTime": NOW,
                }
            },
        ),
    ),
    # ---- the stack
    Fault("StackStuck", "deleted before", lambda account: account.set_status("ROLLBACK_COMPLETE")),
    Fault("StackStuck", "half-way", lambda account: account.set_status("UPDATE_ROLLBACK_FAILED")),
    Fault("TwoStacks", "latchkey-dev", lambda account: account.add_stack("latchkey-dev")),
    Fault(
        "AdminAddressMissing",
        "reach no one",
        together(parameters(AdminAddress=""), answers("sns.ListSubscriptionsByTopic", {"Subscriptions": []})),
    ),
    Fault(
        "SubscriptionMissing",
        "ops@example.com has not confirmed",
        answers(
            "sns.ListSubscriptionsByTopic", {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}
        ),
    ),
    Fault(
        "AlarmsSilenced",
        "ResetFailedAlarm",
        answers("cloudwatch.DescribeAlarms", alarm(ActionsEnabled=False)),
    ),
    Fault(
        "AlarmsRinging", "ResetFailedAlarm", answers("cloudwatch.DescribeAlarms", alarm(StateValue="ALARM"))
    ),
    Fault(
        "KeyUnusable",
        "PendingDeletion",
        answers("kms.DescribeKey", {"KeyMetadata": {"KeyState": "PendingDeletion"}}),
    ),
    Fault("KeyUnusable", "Deleted", answers("kms.DescribeKey", error("NotFoundException"))),
    Fault(
        "SmtpSecretGone",
        "deleted",
        answers(
            "secretsmanager.DescribeSecret",
            lambda asked: {"DeletedDate": NOW} if asked["SecretId"] == SECRET else {},
        ),
    ),
    Fault(
        "SmtpSecretGone",
        "deleted",
        answers("secretsmanager.ListSecretVersionIds", error("ResourceNotFoundException")),
    ),
    Fault(
        "SmtpCredentialsOverdue",
        "33 days old",
        answers(
            "secretsmanager.ListSecretVersionIds",
            {"Versions": [{"VersionStages": ["AWSCURRENT"], "CreatedDate": NOW - timedelta(days=33)}]},
        ),
    ),
    Fault("ScheduleDisabled", "CleanupSchedule", answers("scheduler.GetSchedule", {"State": "DISABLED"})),
    Fault(
        "LastRunFailed",
        "The last rotation failed (r1). KeyLimitError: Two keys.",
        runs(
            "rotation",
            ("r2", "RUNNING"),
            ("r1", "FAILED"),
            why={"error": "KeyLimitError", "cause": "Two keys."},
        ),
    ),
    Fault("LastRunFailed", "The last cleanup failed (c1). TIMED_OUT", runs("cleanup", ("c1", "TIMED_OUT"))),
    Fault(
        "ResetsThrottled",
        "by throttling: 2.",
        runs("reset", ("a", "FAILED"), ("b", "FAILED"), why={"error": "ThrottledError"}),
    ),
    Fault(
        "ResetsFailed", "SealBrokenError", runs("reset", ("a", "FAILED"), why={"error": "SealBrokenError"})
    ),
    # ---- people
    Fault("PeopleWithoutAddress", "carol", people(person("carol"))),
    Fault("PeopleWithBrokenTag", "carol", people(person("carol", Tags=[{"Key": "Email", "Value": "carol"}]))),
    Fault(
        "PeopleWithBrokenTag",
        "carol@example.com",
        people(person("carol@example.com", Tags=[{"Key": "email", "Value": ""}])),
    ),
    Fault(
        "PeopleSharingAddress",
        "carol, carol2",
        people(
            *(person(name, Tags=[{"Key": "email", "Value": "c@example.com"}]) for name in ("carol", "carol2"))
        ),
    ),
    Fault(
        "PeopleMayNotChangePassword",
        "carol@example.com",
        together(
            answers(
                "iam.GetAccountPasswordPolicy", {"PasswordPolicy": {"AllowUsersToChangePassword": False}}
            ),
            people(person("carol@example.com")),
            simulates(lambda _asked: "implicitDeny"),
        ),
    ),
    Fault(
        "PeopleMayNotChangePassword",
        "carol@example.com",
        together(people(person("carol@example.com")), simulates(lambda _asked: "explicitDeny")),
    ),
    Fault(
        "PeopleInMfaDeadlock",
        "carol@example.com",
        together(
            people(person("carol@example.com")),
            simulates(lambda asked: "allowed" if has_mfa(asked) else "explicitDeny"),
        ),
    ),
    Fault(
        "PeopleSuppressed",
        "Carol@Example.com",
        together(
            people(person("Carol@Example.com")),
            answers(
                "sesv2.ListSuppressedDestinations",
                {
                    "SuppressedDestinationSummaries": [
                        {"EmailAddress": "carol@example.com", "Reason": "COMPLAINT", "LastUpdateTime": NOW}
                    ]
                },
            ),
        ),
    ),
    Fault(
        "PeopleProtected",
        "root@example.com",
        people(person("root@example.com", Tags=[{"Key": "Latchkey:Protected", "Value": ""}])),
    ),
    Fault("PeopleProtected", "root@example.com", people(person("root@example.com", GroupList=["admins"]))),
    # ---- the directory
    Fault("DirectoryCaBroken", "no certificate", parameters(DirectoryCaCertificate="bm90IGE=")),
    Fault(
        "DirectoryCaExpires",
        "expires in 29 days",
        parameters(
            DirectoryCaCertificate=",".join(authority(NOW + timedelta(days=days)) for days in (300, 29))
        ),
    ),
    Fault(
        "DirectoryCaBroken",
        "no certificate",
        parameters(DirectoryCaCertificate=authority(NOW + timedelta(days=300), issues=False)),
    ),
    Fault(
        "DirectoryCaExpires",
        "in 29 days",
        parameters(DirectoryCaCertificate=authority(NOW + timedelta(days=29))),
    ),
    Fault(
        "DirectoryCaExpires",
        "expired on 2026-02-28",
        parameters(DirectoryCaCertificate=authority(NOW - timedelta(days=1))),
    ),
    Fault("DirectoryHostIsAnAddress", "10.0.0.1", parameters(DirectoryHosts="10.0.0.1:636")),
    Fault("DirectorySubnetMissing", "subnet-3", parameters(DirectorySubnetIds="subnet-1,subnet-2,subnet-3")),
    Fault("DirectoryGroupMissing", "sg-2", parameters(DirectorySecurityGroupIds="sg-1,sg-2")),
    Fault(
        "DirectorySubnetsApart",
        "vpc-1, vpc-2",
        answers(
            "ec2.DescribeSubnets",
            {"Subnets": [{"SubnetId": f"subnet-{n}", "VpcId": f"vpc-{n}"} for n in (1, 2)]},
        ),
    ),
    Fault("DirectoryPortClosed", "port 1636", parameters(DirectoryHosts="dc1.corp.example.com:1636")),
    Fault(
        "DirectoryEndpointMissing",
        "From subnet-1 there is no way to s3",
        answers(
            "ec2.DescribeVpcEndpoints",
            {
                "VpcEndpoints": [
                    endpoint("s3", "Gateway", "rtb-2"),
                    *map(interface, ("secretsmanager", "kms")),
                ]
            },
        ),
    ),
    Fault(
        "DirectoryEndpointMissing",
        "From subnet-1 there is no way to secretsmanager",
        answers(
            "ec2.DescribeVpcEndpoints",
            {"VpcEndpoints": [endpoint("s3", "Gateway", "rtb-1"), interface("kms")]},
        ),
    ),
    Fault(
        "DirectoryEndpointMissing",
        "From subnet-1 there is no way to kms",
        answers(
            "ec2.DescribeVpcEndpoints",
            {
                "VpcEndpoints": [
                    endpoint("s3", "Gateway", "rtb-1"),
                    interface("secretsmanager"),
                ]
            },
        ),
    ),
    Fault(
        "DirectorySecretMissing",
        "DirectoryResetSecretName names latchkey/directory-resets, which does not exist",
        answers(
            "secretsmanager.DescribeSecret",
            lambda asked: error("ResourceNotFoundException") if asked["SecretId"].endswith("-resets") else {},
        ),
    ),
    Fault(
        "DirectorySecretHasAKey",
        "arn:aws:kms:key",
        answers(
            "secretsmanager.DescribeSecret",
            lambda asked: (
                {"KmsKeyId": "arn:aws:kms:key"} if asked["SecretId"] == "latchkey/directory" else {}
            ),
        ),
    ),
    Fault(
        "DirectorySecretMissing",
        "latchkey/directory",
        answers(
            "secretsmanager.DescribeSecret",
            lambda asked: (
                error("ResourceNotFoundException") if asked["SecretId"] == "latchkey/directory" else {}
            ),
        ),
    ),
    Fault(
        "DirectoryRefused",
        "DirectoryLoginError: The service account is refused.",
        runs(
            "reminders",
            ("m1", "FAILED"),
            why={
                "error": "RemindersIncompleteError",
                "cause": "3 not sent: none; directory: DirectoryLoginError: The service account is refused.",
            },
        ),
    ),
    # ---- what could not be read
    Fault(
        "NotChecked",
        "SES could not be read. An error",
        answers("sesv2.GetAccount", error("AccessDeniedException")),
    ),
]


def refuses(*actions: str, missing: tuple[str, ...] = ()) -> Callable[[Account], object]:
    """Let the caller's policies refuse some of a deployment's actions; people may do what they may."""

    def simulate(asked: dict[str, Any]) -> dict[str, Any]:
        results = [(each, "explicitDeny" if each in actions else "allowed") for each in asked["ActionNames"]]
        return decisions(*results, missing=missing)

    return answers("iam.SimulatePrincipalPolicy", simulate)


LONG_NAME = "a" * 71

#: What only someone who deploys is told.
FAULTS_OF_A_STAGE = [
    (Fault("MayNotDeploy", "deployer may not kms:CreateKey", refuses("kms:CreateKey")), STAGE),
    (Fault("UsersForbidden", "deployer may not create IAM users", refuses("iam:CreateUser")), STAGE),
    (
        Fault(
            "BoundaryDemanded",
            "deployer may create roles only with",
            refuses("iam:CreateRole", "iam:CreateUser", missing=("iam:permissionsBoundary",)),
        ),
        STAGE,
    ),
    (Fault("StackNameTooLong", "71 characters", lambda _account: None), replace(STAGE, stack=LONG_NAME)),
    (
        Fault("ParameterMissing", "WebName has no value", lambda _account: None),
        replace(STAGE, defaults={**STAGE.defaults, "WebName": None}),
    ),
    (
        Fault("ParameterUnknown", "SenderAdress", lambda _account: None),
        replace(STAGE, overrides={"SenderAdress": "latchkey@example.com"}),
    ),
]


def test_of_a_healthy_stack_there_is_nothing_to_say(account: Account) -> None:
    assert findings() == []
    assert "secretsmanager.GetSecretValue" not in account.calls


def test_of_a_healthy_account_there_is_nothing_to_say_before_a_deployment(account: Account) -> None:
    assert names(STAGE) == []
    before_the_first_deployment(account)
    assert names(replace(STAGE, overrides=FIRST, defaults=dict.fromkeys(FIRST))) == []


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{fault.name}: {fault.says}" for fault in FAULTS])
def test_a_planted_fault_is_named_and_nothing_else(account: Account, fault: Fault) -> None:
    fault.plant(account)
    found = findings()
    assert {finding.name for finding in found} == {fault.name}
    assert fault.says in found[0].sentence


@pytest.mark.parametrize(
    ("fault", "stage"), FAULTS_OF_A_STAGE, ids=[fault.name for fault, _ in FAULTS_OF_A_STAGE]
)
def test_a_fault_of_a_deployment_is_named_and_nothing_else(
    account: Account, fault: Fault, stage: Stage
) -> None:
    fault.plant(account)
    found = findings(stage)
    assert [finding.name for finding in found if finding.name != "TwoStacks"] == [fault.name]
    assert fault.says in found[0].sentence


def test_each_kind_of_finding_has_a_fault_that_shows_it() -> None:
    planted = [*FAULTS, *(fault for fault, _ in FAULTS_OF_A_STAGE)]
    assert {fault.name for fault in planted} == set(KINDS)
    assert len(KINDS) >= 30


def test_who_deploys_is_no_matter_once_a_stack_is_on_call(account: Account) -> None:
    refuses("kms:CreateKey")(account)
    assert names() == []


def test_a_boundary_that_is_given_is_part_of_what_is_asked(account: Account) -> None:
    asked: list[dict[str, Any]] = []

    def simulate(call: dict[str, Any]) -> dict[str, Any]:
        asked.append(call)
        return decisions(*[(action, "allowed") for action in call["ActionNames"]])

    account.plant("iam.SimulatePrincipalPolicy", simulate)
    stage = replace(
        STAGE,
        overrides={"PermissionsBoundaryArn": BOUNDARY},
        defaults={**STAGE.defaults, "PermissionsBoundaryArn": ""},
    )
    assert names(stage) == []
    assert asked[0]["PolicySourceArn"] == "arn:aws:iam::123456789012:role/teams/deployer"
    (entry,) = asked[0]["ContextEntries"]
    assert (entry["ContextKeyName"], entry["ContextKeyValues"]) == ("iam:PermissionsBoundary", [BOUNDARY])


@pytest.mark.parametrize(
    "caller", ["arn:aws:iam::123456789012:root", "arn:aws:sts::123456789012:federated-user/me"]
)
def test_a_caller_that_the_simulation_does_not_know_is_not_asked_about(account: Account, caller: str) -> None:
    refuses("kms:CreateKey")(account)
    account.plant("sts.GetCallerIdentity", {"Arn": caller})
    assert names(STAGE) == []


#: What looks like a fault and is none.
HARMLESS = {
    "a route to a NAT gateway does for endpoints": together(
        answers("ec2.DescribeVpcEndpoints", {"VpcEndpoints": []}),
        answers(
            "ec2.DescribeRouteTables",
            {
                "RouteTables": [
                    {
                        "RouteTableId": "rtb-1",
                        "Routes": [
                            {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}
                        ],
                    }
                ]
            },
        ),
    ),
    "a group that lets everything out opens every port": answers(
        "ec2.DescribeSecurityGroups",
        {
            "SecurityGroups": [
                {"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissionsEgress": [{"IpProtocol": "-1"}]}
            ]
        },
    ),
    "without a directory nothing of its parameters counts": parameters(
        DirectoryHosts="", DirectoryCaCertificate="", DirectorySubnetIds="", DirectorySecurityGroupIds=""
    ),
    "someone with an MFA device signs in with it": together(
        people(person("carol@example.com"), devices=frozenset({"carol@example.com"})),
        simulates(lambda asked: "allowed" if has_mfa(asked) else "explicitDeny"),
    ),
    "the account's policy lets everyone change their password": simulates(lambda _asked: "implicitDeny"),
    "an event destination that is off tracks nothing": answers(
        "sesv2.GetConfigurationSetEventDestinations", event_destination("CLICK", enabled=False)
    ),
    "a configuration set may have no event destination": answers(
        "sesv2.GetConfigurationSetEventDestinations", lambda _asked: {}
    ),
    "a quota without end is never used up": answers(
        "sesv2.GetAccount", {"SendQuota": {"Max24HourSend": -1.0}}
    ),
    "an address alone carries no signature of its own": answers(
        "sesv2.GetEmailIdentity",
        lambda asked: (
            {"IdentityType": "EMAIL_ADDRESS", "VerifiedForSendingStatus": True}
            if "@" in asked["EmailIdentity"]
            else error("NotFoundException")
        ),
    ),
    "reminders that are off need no maximum age": together(
        parameters(RemindIamUsers="false"), answers("iam.GetAccountPasswordPolicy", error("NoSuchEntity"))
    ),
    "a topic that someone else hears needs no address": parameters(AdminAddress=""),
    "a failure that a later run made good is over": runs("cleanup", ("c2", "SUCCEEDED"), ("c1", "FAILED")),
    "an execution that was stopped is no failure": runs("rotation", ("r2", "ABORTED"), ("r1", "SUCCEEDED")),
    "a reset that failed last week is over": answers(
        "stepfunctions.ListExecutions",
        lambda asked: {
            "executions": [execution("reset", "a", "FAILED", NOW - timedelta(days=7))]
            if "statusFilter" in asked
            else []
        },
    ),
    "the usual protected groups need not be there": answers("iam.GetGroup", error("NoSuchEntity")),
    "a user pool of another account cannot be looked at": together(
        parameters(UserPoolArn=USER_POOL.replace("123456789012", "210987654321"), HelpdeskGroup="helpdesk"),
        answers("cognito-idp.DescribeUserPool", error("ResourceNotFoundException")),
        answers("cognito-idp.GetGroup", error("ResourceNotFoundException")),
    ),
    "AWS's own key encrypts the directory's secret": answers(
        "secretsmanager.DescribeSecret", {"KmsKeyId": "alias/aws/secretsmanager"}
    ),
}


@pytest.mark.parametrize("plant", HARMLESS.values(), ids=HARMLESS)
def test_what_is_harmless_is_not_named(account: Account, plant: Callable[[Account], object]) -> None:
    plant(account)
    assert names() == []


def test_a_user_pool_is_looked_for_in_its_own_region(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    client = SESSION.client

    def remember(service: str, region_name: str | None = None) -> object:
        if service == "cognito-idp":
            asked.append(region_name)
        return client(service, region_name)

    monkeypatch.setattr(SESSION, "client", remember)
    account.set_parameter(UserPoolArn=USER_POOL.replace(REGION, "eu-west-3"))
    assert names() == []
    assert asked == ["eu-west-3"]


def test_a_stage_that_creates_its_sender_need_not_have_it_yet(account: Account) -> None:
    account.plant("sesv2.GetEmailIdentity", error("NotFoundException"))
    account.set_parameter(CreateSenderIdentity="true")
    assert names() == ["SenderNotVerified"]
    before_the_first_deployment(account)
    stage = replace(
        STAGE,
        overrides={**FIRST, "CreateSenderIdentity": "true"},
        defaults=dict.fromkeys([*FIRST, "CreateSenderIdentity"]),
    )
    assert names(stage) == []


def test_a_stage_that_makes_the_role_for_logs_needs_none(account: Account) -> None:
    account.plant("apigateway.GetAccount", {"cloudwatchRoleArn": ""})
    account.set_parameter(CreateApiLogsRole="true")
    assert names() == []


def test_many_people_are_counted_not_listed(account: Account) -> None:
    people(*(person(f"user{number}") for number in range(7)))(account)
    (finding,) = findings()
    assert "user4 and 2 more" in finding.sentence


def test_rights_are_simulated_once_for_people_with_the_same_policies(account: Account) -> None:
    people(*(person(f"user{number}@example.com", GroupList=["staff"]) for number in range(7)))(account)
    assert names() == []
    assert account.calls.count("iam.SimulatePrincipalPolicy") == 1
