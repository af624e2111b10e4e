"""What is done before a stack is deleted."""

import json
import subprocess
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from click.testing import CliRunner, Result

from cli import options, scope
from cli.readers.stack import find_stack
from tests.unit.smtp import USER, Smtp
from tests.unit.stack import IAM, SFN, Stack, client_error
from tools import delete_stage
from tools.delete_stage import delete_keys, detach, main, told, waiting

CONFIG = tomllib.loads((Path(__file__).parents[2] / "samconfig.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_smtp_users_keys_go(smtp: Smtp, count: int) -> None:
    for _ in range(count):
        smtp.add_key()
    assert delete_keys(IAM, USER) == count
    assert smtp.keys() == {}


@pytest.mark.usefixtures("stack")
def test_a_user_who_is_gone_has_no_keys() -> None:
    assert delete_keys(IAM, USER) == 0


@pytest.fixture
def policy(stack: Stack) -> str:
    """Return an operators' policy that a role, a user and a group have."""
    assert stack
    allowed = {"Effect": "Allow", "Action": "states:ListStateMachines", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    made = IAM.create_policy(PolicyName="operators", PolicyDocument=document)["Policy"]["Arn"]
    IAM.create_role(RoleName="on-call", AssumeRolePolicyDocument="{}")
    IAM.create_user(UserName="olga")
    IAM.create_group(GroupName="on-call")
    IAM.attach_role_policy(RoleName="on-call", PolicyArn=made)
    IAM.attach_user_policy(UserName="olga", PolicyArn=made)
    IAM.attach_group_policy(GroupName="on-call", PolicyArn=made)
    return made


def holders(policy: str) -> int:
    return IAM.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"]


def test_the_operators_policy_is_taken_from_all_who_have_it(policy: str) -> None:
    assert (holders(policy), detach(IAM, policy), holders(policy)) == (3, 3, 0)


@pytest.mark.usefixtures("stack")
def test_no_one_has_a_policy_that_is_gone() -> None:
    assert detach(IAM, "arn:aws:iam::123456789012:policy/operators") == 0


# What waits


@pytest.fixture
def deployed(smtp: Smtp, policy: str, monkeypatch: pytest.MonkeyPatch) -> scope.Stack:
    """Return a stage's stack: a machine, one that was never made, a topic, the SMTP user, and a policy."""
    assert smtp
    (machine,) = (each["stateMachineArn"] for each in SFN.list_state_machines()["stateMachines"])
    resources = (
        scope.Resource("AlarmTopic", "AWS::SNS::Topic", "a-topic"),
        scope.Resource("ResetStateMachine", "AWS::StepFunctions::StateMachine", machine),
        scope.Resource("CleanupStateMachine", "AWS::StepFunctions::StateMachine", ""),
        scope.Resource("SmtpUser", "AWS::IAM::User", USER),
        scope.Resource("OperatorsPolicy", "AWS::IAM::ManagedPolicy", policy),
    )
    found = scope.Stack("latchkey-dev", "CREATE_COMPLETE", {}, resources)
    monkeypatch.setattr(delete_stage, "find_stack", lambda *_: found)
    # The stage's region is the template's business; what is simulated lies in the tests' own.
    monkeypatch.setattr(options, "open_session", lambda *_: boto3.Session())
    return found


def running() -> list[str]:
    (machine,) = SFN.list_state_machines()["stateMachines"]
    found = SFN.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING")
    return sorted(each["executionArn"] for each in found["executions"])


def start(count: int) -> list[str]:
    (machine,) = SFN.list_state_machines()["stateMachines"]
    for _ in range(count):
        SFN.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps({}))
    return running()


def test_what_runs_of_the_stacks_machines_is_found(deployed: scope.Stack) -> None:
    arns = start(3)
    assert len(arns) == 3
    assert sorted(waiting(SFN, deployed)) == arns


def test_each_machine_is_told_with_what_waits_in_it() -> None:
    arn = "arn:aws:states:eu-central-1:123456789012:execution:latchkey-test-"
    text = told([f"{arn}reset:a", f"{arn}reset:b", f"{arn}rotation:c"])
    assert "- 2 of latchkey-test-reset\n- 1 of latchkey-test-rotation\n" in text
    assert told([]) == "Nothing waits.\n"


@pytest.fixture
def commands(deployed: scope.Stack, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], list[str]]]:
    """Return what is run, in place of running it, and which executions ran by then."""
    assert deployed
    ran: list[tuple[list[str], list[str]]] = []

    def run(arguments: list[str]) -> int:
        ran.append(([str(argument) for argument in arguments[1:]], running()))
        return 0

    monkeypatch.setattr(subprocess, "call", run)
    return ran


def delete(*arguments: str, says: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=says)


@pytest.mark.parametrize("says", ["", "\n", "n\n", "never\n"])
def test_without_a_yes_nothing_ends(commands: list[object], smtp: Smtp, policy: str, says: str) -> None:
    arns = start(1)
    smtp.add_key()
    result = delete("dev", says=says)
    assert (result.exit_code, "for good?" in result.output) == (1, True)
    assert (running(), commands, len(smtp.keys()), holders(policy)) == (arns, [], 1, 3)


@pytest.mark.parametrize("protected", [True, False])
def test_cloudformation_says_whether_a_stack_is_protected(*, protected: bool) -> None:
    client = boto3.client("cloudformation")
    described = {
        "StackName": "latchkey-dev",
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": datetime.now(UTC),
    }
    with Stubber(client) as aws:
        aws.add_response(
            "describe_stacks", {"Stacks": [{**described, "EnableTerminationProtection": protected}]}
        )
        aws.add_response("list_stack_resources", {"StackResourceSummaries": []})
        found = find_stack(client, "latchkey-dev")
    assert found is not None
    assert found.protected is protected


def test_of_a_stack_that_is_protected_from_deletion_nothing_ends(
    commands: list[object],
    deployed: scope.Stack,
    smtp: Smtp,
    policy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arns = start(1)
    smtp.add_key()
    monkeypatch.setattr(delete_stage, "find_stack", lambda *_: replace(deployed, protected=True))
    result = delete("dev", "--yes")
    assert (result.exit_code, "latchkey-dev is protected from deletion" in result.output) == (1, True)
    assert (running(), commands, len(smtp.keys()), holders(policy)) == (arns, [], 1, 3)


@pytest.mark.parametrize("says", ["y\n", None])
def test_after_a_yes_what_waits_ends_before_the_stack_does(
    commands: list[object], smtp: Smtp, policy: str, says: str | None
) -> None:
    start(2)
    smtp.add_key()
    result = delete("dev", says=says) if says else delete("dev", "--yes")
    assert (result.exit_code, "for good?" in result.output) == (0, says is not None)
    assert commands == [(["delete", "--config-env", "dev", "--no-prompts"], [])]
    assert (smtp.keys(), holders(policy)) == ({}, 0)


def test_a_stack_without_reminders_and_operators_policy_is_deleted_likewise(
    commands: list[tuple[list[str], list[str]]], deployed: scope.Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(deployed, resources=deployed.resources[:3])
    monkeypatch.setattr(delete_stage, "find_stack", lambda *_: small)
    result = delete("dev", "--yes")
    assert result.exit_code == 0, result.output
    assert [command for command, _ in commands] == [["delete", "--config-env", "dev", "--no-prompts"]]


@pytest.mark.usefixtures("commands")
def test_what_waits_is_told_before_and_what_stays_after() -> None:
    start(2)
    shown = delete("dev", "--yes").output
    assert "- 2 of latchkey-test-reset\n" in shown
    assert shown.index("- 2 of") < shown.index("2 execution(s) stopped") < shown.index("pending deletion")


@pytest.mark.parametrize(
    ("stage", "error", "sentence"),
    [
        ("foo", None, "samconfig.toml has no stage foo."),
        ("local", None, "samconfig.toml has no stage local."),
        ("dev", None, "There is no stack latchkey-dev in us-east-1."),
        ("dev", client_error("ExpiredToken", 403), "The stack latchkey-dev cannot be read: "),
    ],
)
@pytest.mark.usefixtures("commands")
def test_a_stage_that_is_not_there_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, stage: str, error: ClientError | None, sentence: str
) -> None:
    def find(*_: object) -> None:
        if error:
            raise error

    monkeypatch.setattr(delete_stage, "find_stack", find)
    result = delete(stage, "--yes")
    assert result.exit_code != 0
    assert sentence in result.output


def test_artifacts_of_every_stage_lie_apart() -> None:
    stages = ("dev", "qa", "prod")
    prefixes = {CONFIG[stage]["deploy"]["parameters"]["s3_prefix"] for stage in stages}
    assert prefixes == {CONFIG[stage]["global"]["parameters"]["stack_name"] for stage in stages}
