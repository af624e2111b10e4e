"""An account as AWS's APIs show it: healthy unless a test plants a fault, its answers in AWS's own shape."""

from __future__ import annotations

import copy
import json
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.client import BaseClient

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
STACK = "latchkey-prod"
REGION = "eu-central-1"
_HERE = f"{REGION}:123456789012"
TOPIC = f"arn:aws:sns:{_HERE}:latchkey-prod-AlarmTopic"
SECRET = f"arn:aws:secretsmanager:{_HERE}:secret:latchkey-prod/smtp-a1b2c3"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
USER_POOL = f"arn:aws:cognito-idp:{_HERE}:userpool/{REGION}_pool"
WEB_ACL = f"arn:aws:wafv2:{_HERE}:regional/webacl/latchkey/11111111-2222-4333-8444-555555555555"
LOGGING_ROLE = "arn:aws:iam::123456789012:role/api-logs"


def authority(until: datetime, *, issues: bool = True) -> str:
    """Return a certificate as DirectoryCaCertificate takes one; without `issues` it may issue no other."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "corp.example.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1000))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=issues, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return b64encode(certificate.public_bytes(Encoding.DER)).decode()


_CA = authority(NOW + timedelta(days=300))

RESOURCES = {
    "AlarmTopic": ("AWS::SNS::Topic", TOPIC),
    "FunctionLogs": ("AWS::Logs::LogGroup", "/latchkey/latchkey-prod/functions"),
    "NotifyClaimedFunction": ("AWS::Lambda::Function", "latchkey-prod-NotifyClaimedFunction-1"),
    "NotifyExpiredFunction": ("AWS::Lambda::Function", "latchkey-prod-NotifyExpiredFunction-1"),
    "SendClaimLinkFunction": ("AWS::Lambda::Function", "latchkey-prod-SendClaimLinkFunction-1"),
    "ClaimKey": ("AWS::KMS::Key", "11111111-2222-4333-8444-555555555555"),
    "RegistryTable": ("AWS::DynamoDB::Table", "latchkey-prod-RegistryTable-1"),
    "SmtpSecret": ("AWS::SecretsManager::Secret", SECRET),
    "ResetFailedAlarm": ("AWS::CloudWatch::Alarm", "latchkey-prod-ResetFailedAlarm-1"),
    "CleanupSchedule": ("AWS::Scheduler::Schedule", "latchkey-prod-CleanupSchedule-1"),
    **{
        f"{name.capitalize()}StateMachine": (
            "AWS::StepFunctions::StateMachine",
            f"arn:aws:states:{_HERE}:stateMachine:latchkey-prod-{name}",
        )
        for name in ("reset", "cleanup", "rotation", "reminders")
    },
}


def person(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # what IAM says beside the name
    """Return a user as GetAccountAuthorizationDetails lists one."""
    return {"UserName": name, "Path": "/", "Arn": f"arn:aws:iam::123456789012:user/{name}", **more}


def report(*users: str, devices: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return a credential report in which users have a console password; the root user's row is there too."""
    rows = ["user,password_enabled,mfa_active", "<root_account>,not_supported,true", "robot,false,false"]
    rows += [f"{user},true,{str(user in devices).lower()}" for user in users]
    return {"Content": "\n".join(rows).encode()}


def decisions(*results: tuple[str, str], missing: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what a simulation says about actions."""
    return {
        "EvaluationResults": [
            {"EvalActionName": action, "EvalDecision": decision, "MissingContextValues": list(missing)}
            for action, decision in results
        ]
    }


def execution(machine: str, name: str, status: str, stopped: datetime = NOW) -> dict[str, Any]:
    """Return an execution as ListExecutions lists one."""
    arn = RESOURCES[f"{machine.capitalize()}StateMachine"][1]
    return {
        "executionArn": f"{arn.replace('stateMachine', 'execution')}:{name}",
        "stateMachineArn": arn,
        "name": name,
        "status": status,
        "startDate": stopped - timedelta(minutes=1),
        "stopDate": stopped,
    }


def error(code: str, message: str = "said by AWS") -> ClientError:
    """Return an error of AWS; the operation is filled in when it is raised."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def _healthy() -> dict[str, Any]:
    stack = {
        "StackName": STACK,
        "StackStatus": "UPDATE_COMPLETE",
        "Description": "Latchkey - self-service password reset with one-time links.",
        "CreationTime": NOW,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in {
                "SenderAddress": "latchkey@example.com",
                "AdminAddress": "ops@example.com",
                "RequestAccess": "Iam",
                "RotationDays": "30",
                "NotifyDays": "15,7,1",
                "RemindIamUsers": "true",
                "ProtectedGroups": "Administrators,Admins",
                "ProtectedPathPrefix": "/admins/",
                "DirectoryHosts": "dc1.corp.example.com,dc2.corp.example.com:3269",
                "DirectoryCaCertificate": _CA,
                "DirectorySecretName": "latchkey/directory",
                "DirectoryResetSecretName": "latchkey/directory-resets",
                "DirectorySubnetIds": "subnet-1,subnet-2",
                "DirectorySecurityGroupIds": "sg-1",
            }.items()
        ],
    }
    return {
        "sts.GetCallerIdentity": {
            "Arn": "arn:aws:sts::123456789012:assumed-role/deployer/me",
            "Account": "123456789012",
        },
        "iam.GetRole": {
            "Role": {
                "Path": "/teams/",
                "RoleName": "deployer",
                "RoleId": "AROA1234567890123456",
                "Arn": "arn:aws:iam::123456789012:role/teams/deployer",
                "CreateDate": NOW,
            }
        },
        "iam.SimulatePrincipalPolicy": lambda asked: decisions(
            *[(action, "allowed") for action in asked["ActionNames"]]
        ),
        "iam.GetAccountPasswordPolicy": {
            "PasswordPolicy": {
                "MinimumPasswordLength": 14,
                "RequireSymbols": True,
                "RequireNumbers": True,
                "RequireUppercaseCharacters": True,
                "RequireLowercaseCharacters": True,
                "AllowUsersToChangePassword": True,
                "ExpirePasswords": True,
                "MaxPasswordAge": 90,
            }
        },
        "iam.GenerateCredentialReport": {"State": "COMPLETE"},
        "iam.GetCredentialReport": report("alice@example.com", "bob"),
        "iam.GetAccountAuthorizationDetails": {
            "UserDetailList": [
                person("alice@example.com"),
                person("bob", Tags=[{"Key": "email", "Value": "bob@example.com"}]),
                person("robot"),
            ]
        },
        "apigateway.GetAccount": {"cloudwatchRoleArn": LOGGING_ROLE},
        "lambda.GetAccountSettings": {"AccountLimit": {"UnreservedConcurrentExecutions": 1000}},
        "sesv2.GetAccount": {
            "ProductionAccessEnabled": True,
            "SendingEnabled": True,
            "EnforcementStatus": "HEALTHY",
            "SendQuota": {"Max24HourSend": 50_000.0, "SentLast24Hours": 10.0, "MaxSendRate": 14.0},
            "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
            "VdmAttributes": {
                "VdmEnabled": "ENABLED",
                "DashboardAttributes": {"EngagementMetrics": "DISABLED"},
            },
        },
        "sesv2.GetEmailIdentity": lambda asked: (
            {
                "IdentityType": "DOMAIN",
                "VerifiedForSendingStatus": True,
                "ConfigurationSetName": "company",
                "DkimAttributes": {"SigningEnabled": True, "Status": "SUCCESS"},
            }
            if asked["EmailIdentity"] == "example.com"
            else error("NotFoundException")
        ),
        "sesv2.GetConfigurationSet": {
            "ConfigurationSetName": "company",
            "SendingOptions": {"SendingEnabled": True},
        },
        "sesv2.GetConfigurationSetEventDestinations": {
            "EventDestinations": [{"Name": "bounces", "Enabled": True, "MatchingEventTypes": ["BOUNCE"]}]
        },
        "sesv2.GetSuppressedDestination": error("NotFoundException"),
        "sesv2.ListSuppressedDestinations": {"SuppressedDestinationSummaries": []},
        "cloudformation.DescribeStacks": {"Stacks": [stack]},
        "cloudformation.ListStackResources": {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": logical,
                    "ResourceType": kind,
                    "PhysicalResourceId": physical,
                    "LastUpdatedTimestamp": NOW,
                    "ResourceStatus": "UPDATE_COMPLETE",
                }
                for logical, (kind, physical) in RESOURCES.items()
            ]
        },
        "cloudwatch.DescribeAlarms": {
            "MetricAlarms": [
                {
                    "AlarmName": RESOURCES["ResetFailedAlarm"][1],
                    "ActionsEnabled": True,
                    "StateValue": "OK",
                }
            ]
        },
        "sns.ListSubscriptionsByTopic": {"Subscriptions": [{"SubscriptionArn": f"{TOPIC}:1"}]},
        "kms.DescribeKey": {"KeyMetadata": {"KeyId": "1", "KeyState": "Enabled"}},
        "secretsmanager.DescribeSecret": {},
        "secretsmanager.ListSecretVersionIds": {
            "Versions": [
                {"VersionStages": ["AWSPREVIOUS"], "CreatedDate": NOW - timedelta(days=90)},
                {"VersionStages": ["AWSCURRENT"], "CreatedDate": NOW - timedelta(days=31)},
            ]
        },
        "scheduler.GetSchedule": {"State": "ENABLED"},
        "stepfunctions.ListExecutions": {"executions": []},
        "ec2.DescribeSubnets": {
            "Subnets": [
                {"SubnetId": "subnet-1", "VpcId": "vpc-1"},
                {"SubnetId": "subnet-2", "VpcId": "vpc-1"},
            ]
        },
        "ec2.DescribeSecurityGroups": {
            "SecurityGroups": [
                {
                    "GroupId": "sg-1",
                    "VpcId": "vpc-1",
                    "IpPermissionsEgress": [
                        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 636},
                        {"IpProtocol": "tcp", "FromPort": 3269, "ToPort": 3269},
                    ],
                }
            ]
        },
        "ec2.DescribeRouteTables": {
            "RouteTables": [
                {
                    "RouteTableId": "rtb-1",
                    "Routes": [
                        {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"},
                        {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"},
                    ],
                }
            ]
        },
        "ec2.DescribeVpcEndpoints": {
            "VpcEndpoints": [
                {
                    "ServiceName": f"com.amazonaws.{REGION}.s3",
                    "VpcEndpointType": "Gateway",
                    "RouteTableIds": ["rtb-1"],
                },
                {"ServiceName": f"com.amazonaws.{REGION}.secretsmanager", "VpcEndpointType": "Interface"},
                {"ServiceName": f"com.amazonaws.{REGION}.kms", "VpcEndpointType": "Interface"},
            ]
        },
        "iam.GetPolicy": {"Policy": {"Arn": BOUNDARY}},
        "iam.GetGroup": lambda asked: {
            "Group": {
                "Path": "/",
                "GroupName": asked["GroupName"],
                "GroupId": "AGPA1234567890123456",
                "Arn": "arn:aws:iam::123456789012:group/group",
                "CreateDate": NOW,
            },
            "Users": [],
        },
        "cognito-idp.DescribeUserPool": {"UserPool": {}},
        "cognito-idp.GetGroup": {"Group": {}},
        "wafv2.GetWebACL": {},
    }


class Session(boto3.Session):
    """Makes each client once: making one takes longer than most tests."""

    def __init__(self) -> None:
        super().__init__(region_name=REGION)
        self._clients: dict[str, Any] = {}

    def client(self, service: str, region_name: str | None = None) -> Any:  # type: ignore[override]  # noqa: ANN401  # boto3 has an overload each
        """Return the client of a service, in a region."""
        key = f"{service} {region_name or REGION}"
        if key not in self._clients:
            self._clients[key] = super().client(service, region_name=region_name)  # type: ignore[call-overload]
        return self._clients[key]


SESSION = Session()


class Account:
    """Answers every call of boto3's clients; `plant` puts a fault into it."""

    def __init__(self) -> None:
        self._answers = _healthy()
        self.calls: list[str] = []

    def plant(self, operation: str, answer: Any) -> None:  # noqa: ANN401  # an answer, an error, or what makes one
        """Let an operation, as in `sesv2.GetAccount`, answer otherwise; fields that are not given stay."""
        healthy = self._answers.get(operation)
        if isinstance(healthy, dict) and isinstance(answer, dict):
            answer = _merged(healthy, answer)
        self._answers[operation] = answer

    def set_parameter(self, **values: str) -> None:
        """Change parameters of the deployed stack."""
        (stack,) = self._answers["cloudformation.DescribeStacks"]["Stacks"]
        others = [each for each in stack["Parameters"] if each["ParameterKey"] not in values]
        stack["Parameters"] = others + [
            {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
        ]

    def set_status(self, status: str) -> None:
        """Let CloudFormation say of the stack that it is in that status."""
        self._answers["cloudformation.DescribeStacks"]["Stacks"][0]["StackStatus"] = status

    def add_stack(self, name: str) -> None:
        """Deploy another stack of Latchkey beside it."""
        stacks = self._answers["cloudformation.DescribeStacks"]["Stacks"]
        every = [
            *stacks,
            {**stacks[0], "StackName": name},
            {**stacks[0], "StackName": "web", "Description": "A site."},
        ]
        self._answers["cloudformation.DescribeStacks"] = lambda asked: {"Stacks": stacks if asked else every}

    def answer(self, client: BaseClient, operation: str, asked: dict[str, Any]) -> object:
        """Answer a call as AWS would: with the shape its API promises, or with an error."""
        service = client.meta.service_model.service_name
        model = client.meta.service_model.operation_model(operation)
        self.calls.append(f"{service}.{operation}")
        found = self._answers[f"{service}.{operation}"]
        found = copy.deepcopy(found(asked) if callable(found) else found)
        _validate(asked, model.input_shape)
        if isinstance(found, ClientError):
            declared: Any = client.exceptions.from_code(found.response["Error"]["Code"])
            raise declared(found.response, operation)
        _validate(found, model.output_shape)
        return {**found, "ResponseMetadata": {"HTTPStatusCode": 200}}


def _validate(value: Mapping[str, Any], shape: Any) -> None:  # noqa: ANN401  # botocore has no types
    if shape is not None:
        problems = ParamValidator().validate(value, shape)
        assert not problems.has_errors(), problems.generate_report()


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {
        **old,
        **{
            key: _merged(old[key], value)
            if isinstance(value, dict) and isinstance(old.get(key), dict)
            else value
            for key, value in new.items()
        },
    }


def before_the_first_deployment(account: Account) -> None:
    """Let the account have no stack."""
    account.plant(
        "cloudformation.DescribeStacks", lambda asked: error("ValidationError") if asked else {"Stacks": []}
    )


#: Calls whose action in IAM has another name; AWS asks no right for the last.
ACTIONS = {"apigateway:GetAccount": "apigateway:GET", "sts:GetCallerIdentity": ""}


def action(call: str) -> str:
    """Return the action that IAM asks for a call of boto3, empty for none."""
    service, _, operation = call.partition(".")
    named = f"{ {'sesv2': 'ses', 'stepfunctions': 'states'}.get(service, service) }:{operation}"
    return ACTIONS.get(named, named)


def documented_actions() -> list[str]:
    """Return the actions of the policy that docs/check.md has for a check."""
    text = (Path(__file__).parents[3] / "docs" / "check.md").read_text("utf-8")
    (policy,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (statement,) = json.loads(policy)["Statement"]
    actions: list[str] = statement["Action"]
    return actions
