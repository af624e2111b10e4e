"""What CloudFormation gets of the template: SAM's transform adds resources, and resolves no condition."""

import itertools
import re
from collections.abc import Mapping
from fnmatch import fnmatch
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from samcli.yamlhelper import yaml_dump
from samtranslator.model import apigateway

from tools.transform import TEMPLATE, transform, written

POOL = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_"


@cache
def transformed() -> dict[str, Any]:
    """Return the resources of a stack with the parameters' defaults."""
    resources: dict[str, Any] = transform({})["Resources"]
    return resources


def of_type(resources: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"RequestAccess": "Public"}, {"RequestAccess": "Iam"}),
        ({"RequestAccess": "Public"}, {"RequestAccess": "Cognito", "UserPoolArn": f"{POOL}a"}),
        ({"UserPoolArn": f"{POOL}a"}, {"UserPoolArn": f"{POOL}b"}),
        ({"AllowedCidrs": ""}, {"AllowedCidrs": "192.0.2.0/24"}),
        ({"AllowedCidrs": "192.0.2.0/24"}, {"AllowedCidrs": "198.51.100.0/24"}),
    ],
)
def test_who_may_ask_changes_with_a_new_deployment_and_the_stage_serves_it(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, str], after: dict[str, str]
) -> None:
    # Two deployments of a stack never begin in the same second.
    seconds = itertools.count(1_800_000_000)
    monkeypatch.setattr(apigateway, "time", SimpleNamespace(time=lambda: next(seconds)))
    deployments = []
    for parameters in (before, after):
        resources = transform(parameters)["Resources"]
        (deployment,) = of_type(resources, "AWS::ApiGateway::Deployment")
        (stage,) = of_type(resources, "AWS::ApiGateway::Stage").values()
        assert stage["DeploymentId"] == {"Ref": deployment}
        deployments.append(deployment)
    assert deployments[0] != deployments[1]


def test_the_api_has_one_stage_the_one_with_limits_and_logs() -> None:
    (stage,) = of_type(transformed(), "AWS::ApiGateway::Stage").values()
    assert stage["StageName"] == {"Ref": "Stage"}
    assert {"AccessLogSetting", "MethodSettings"} <= set(stage)
    # A deployment that names a stage makes one.
    (deployment,) = of_type(transformed(), "AWS::ApiGateway::Deployment").values()
    assert not {"StageName", "StageDescription"} & set(deployment)


def statements(resources: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return every statement of roles and users, managed policies resolved, with the resource's name."""
    found = []
    for name, each in resources.items():
        if each["Type"] not in {"AWS::IAM::Role", "AWS::IAM::User"}:
            continue
        attached = [arn["Ref"] for arn in each["Properties"].get("ManagedPolicyArns", []) if "Ref" in arn]
        managed = [resources[policy]["Properties"] for policy in attached]
        for document in [*managed, *each["Properties"].get("Policies", [])]:
            given = document["PolicyDocument"]["Statement"]
            found += [(name, one["Fn::If"][1] if "Fn::If" in one else one) for one in given]
    return found


def in_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_who_may_send_as_the_sender_may_do_so_by_every_configuration_set() -> None:
    """SES asks for the identity's default configuration set too, where it has one."""
    sending = [one for _, one in statements(transformed()) if "ses:Send" in str(one["Action"])]
    assert len(sending) >= 7
    for statement in sending:
        kinds = [resource["Fn::Sub"].rpartition(":")[2] for resource in in_list(statement["Resource"])]
        assert kinds == ["identity/*", "configuration-set/*"]
        assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "SenderAddress"}}}


def test_every_role_and_user_takes_the_boundary_and_with_every_policy_the_path() -> None:
    boundary = {
        "Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]
    }
    kinds = {kind: of_type(transformed(), f"AWS::IAM::{kind}") for kind in ("Role", "User", "ManagedPolicy")}
    assert min(map(len, kinds.values())) > 0
    for kind, resources in kinds.items():
        for name, properties in resources.items():
            assert properties["Path"] == {"Ref": "RolePath"}, name
            assert kind == "ManagedPolicy" or properties["PermissionsBoundary"] == boundary, name


@pytest.mark.parametrize("key", ["ClaimKey", "ReminderRunsKey"])
def test_who_administers_a_key_cannot_grant_themselves_its_use(key: str) -> None:
    (administer, *_) = transformed()[key]["Properties"]["KeyPolicy"]["Statement"]
    assert "root" in str(administer["Principal"])
    for use in ("CreateGrant", "Encrypt", "GenerateDataKey", "ReEncryptFrom"):
        assert not [action for action in administer["Action"] if fnmatch(f"kms:{use}", action)], use


def test_the_role_for_access_logs_is_there_before_the_stage_and_stays() -> None:
    resources = transformed()
    for name in ("ApiLogsRole", "ApiLogsAccount"):
        made = resources[name]
        assert made["Condition"] == "CreatesApiLogsRole"
        assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Retain", "Retain")
    after = resources["ApiLogs"]["Metadata"]["After"]
    assert after == {"Fn::If": ["CreatesApiLogsRole", {"Ref": "ApiLogsAccount"}, "nothing"]}
    (stage,) = of_type(resources, "AWS::ApiGateway::Stage").values()
    assert stage["AccessLogSetting"]["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}


def test_without_reminders_there_is_no_smtp_user_and_nothing_that_rotates_one() -> None:
    resources = transformed()
    users = [name for name, each in resources.items() if each["Type"] == "AWS::IAM::User"]
    rotating = [name for name in resources if name.startswith("Rotation")]
    for name in (
        *users,
        *("SmtpSecret", *rotating, "MeasureSecretAgeSchedule", "SmtpSecretOldAlarm"),
        *("RemindersSchedule", "RemindersScheduleRole", "RemindersMissedAlarm"),
    ):
        assert resources[name]["Condition"] == "SendsReminders", name
    assert len(rotating) >= 5
    for output in ("RotationStateMachineArn", "SmtpSecretArn"):
        assert written()["Outputs"][output]["Condition"] == "SendsReminders"


@pytest.mark.parametrize(
    ("schedule", "needed"), [("CleanupSchedule", "ResetStateMachine"), ("RotationSchedule", "SmtpSecret")]
)
def test_no_schedule_fires_before_what_it_needs_is_there(schedule: str, needed: str) -> None:
    assert transformed()[schedule]["DependsOn"] == needed


def test_the_listers_network_interfaces_can_go_after_the_directory_was_given_up() -> None:
    interfaces = [
        one
        for name, one in statements(transformed())
        if name == "ListDirectoryUsersRole" and "ec2:" in str(one)
    ]
    role = transformed()["ListDirectoryUsersRole"]["Properties"]
    assert "Fn::If" not in str(role["Policies"])
    assert [(one["Effect"], "Condition" in one) for one in interfaces] == [("Allow", False), ("Deny", True)]
    assert "ec2:DeleteNetworkInterface" in interfaces[0]["Action"]
    assert interfaces[1]["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}


def test_cloudformation_gets_no_anchor_and_no_merge() -> None:
    """It would refuse them; SAM's build and package write their templates so."""
    assert [*re.finditer(r"[:-] [&*]\w|<<", yaml_dump(written()))] == []
    assert re.search(r"<<: \*\w", TEMPLATE.read_text("utf-8"))


def test_parameters_have_names_that_ssm_takes_from_a_stack_of_any_name() -> None:
    for name, properties in of_type(transformed(), "AWS::SSM::Parameter").items():
        assert properties["Name"]["Fn::Sub"].startswith("/latchkey/"), name


def test_no_alarm_waits_for_a_time_out_that_no_definition_has() -> None:
    alarms = of_type(transformed(), "AWS::CloudWatch::Alarm")
    assert "ExecutionsTimedOut" not in {alarm.get("MetricName") for alarm in alarms.values()}


def test_the_console_shows_every_parameter_in_one_group() -> None:
    groups = written()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [parameter for group in groups for parameter in group["Parameters"]]
    assert sorted(grouped) == sorted(written()["Parameters"])


def test_every_partition_signs_in_at_its_own_address() -> None:
    domains = {partition: domain["Domain"] for partition, domain in written()["Mappings"]["SignIn"].items()}
    assert domains == {
        "aws": "signin.aws.amazon.com",
        "aws-cn": "signin.amazonaws.cn",
        "aws-us-gov": "signin.amazonaws-us-gov.com",
    }
    addresses = [
        each["Environment"]["Variables"]["SIGN_IN_URL"]["Fn::If"][2]
        for each in of_type(transformed(), "AWS::Lambda::Function").values()
        if "SIGN_IN_URL" in each["Environment"]["Variables"]
    ]
    assert addresses
    for address in addresses:
        assert address["Fn::Sub"][1] == {
            "Domain": {"Fn::FindInMap": ["SignIn", {"Ref": "AWS::Partition"}, "Domain"]}
        }


def operators_may(action: str) -> list[Any]:
    """Return the resources for which the operators' policy allows an action."""
    statements = transformed()["OperatorsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (given,) = (one["Resource"] for one in statements if action in in_list(one["Action"]))
    return in_list(given)


def test_operators_read_each_schedule_whatever_the_stack_is_called() -> None:
    """CloudFormation shortens the stack's name where a schedule's would have more than 64 characters."""
    named = str(operators_may("scheduler:GetSchedule"))
    for schedule in of_type(transformed(), "AWS::Scheduler::Schedule"):
        assert str({"Fn::GetAtt": [schedule, "Arn"]}) in named, schedule
    assert ":schedule/" not in named


def test_operators_may_look_at_every_boundary_that_the_parameter_takes() -> None:
    takes = re.compile(written()["Parameters"]["PermissionsBoundaryArn"]["AllowedPattern"])
    for owner, spelled in (("123456789012", "${AWS::AccountId}"), ("aws", "aws")):
        assert takes.fullmatch(f"arn:aws:iam::{owner}:policy/PowerUserAccess")
        assert {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{spelled}:policy/*"} in operators_may(
            "iam:GetPolicy"
        )


def test_every_alarm_is_published_with_an_admin_address_or_without() -> None:
    alarms = of_type(transformed(), "AWS::CloudWatch::Alarm")
    assert {str(alarm["AlarmActions"]) for alarm in alarms.values()} == {str([{"Ref": "AlarmTopic"}])}
