"""What is done before a stack is deleted."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.stub import Stubber

from tests.unit.smtp import USER, Smtp
from tests.unit.stack import IAM, SFN, Stack
from tools import delete_stage
from tools.delete_stage import delete_keys, main, place_of, told, waiting

CLOUDFORMATION = boto3.client("cloudformation")
STACK = "latchkey-test"
ASKED = {"StackName": STACK, "LogicalResourceId": "SmtpUser"}
CONFIG = tomllib.loads((Path(__file__).parents[2] / "samconfig.toml").read_text(encoding="utf-8"))


@pytest.fixture
def aws() -> Stubber:
    """Return what CloudFormation is to answer; its calls reach no simulation."""
    return Stubber(CLOUDFORMATION)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_smtp_users_keys_go(smtp: Smtp, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for _ in range(count):
        smtp.add_key()
    detail = {"StackResourceDetail": {"PhysicalResourceId": USER}}
    monkeypatch.setattr(CLOUDFORMATION, "describe_stack_resource", lambda **asked: asked == ASKED and detail)
    assert delete_keys(CLOUDFORMATION, IAM, STACK) == count
    assert smtp.keys() == {}


def test_a_stack_without_reminders_has_no_keys(aws: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    aws.add_client_error("describe_stack_resource", "ValidationError", "no such resource")
    with aws:
        assert delete_keys(CLOUDFORMATION, IAM, STACK) == 0
    assert "no such resource" in capsys.readouterr().out


# What waits


@pytest.fixture
def machine(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the state machine of a stack that has, of all its resources, one machine and a topic."""
    (arn,) = (each["stateMachineArn"] for each in SFN.list_state_machines()["stateMachines"])
    resources = [
        {"ResourceType": "AWS::SNS::Topic", "PhysicalResourceId": "a-topic"},
        {"ResourceType": "AWS::StepFunctions::StateMachine", "PhysicalResourceId": arn},
        # One that was never made.
        {"ResourceType": "AWS::StepFunctions::StateMachine"},
    ]
    # The stage's region is the template's business; what is simulated lies in the tests' own.
    session, original = boto3.Session, stack.call
    monkeypatch.setattr(boto3, "Session", lambda **_: session())

    def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> object:
        if operation == "ListStackResources":
            return {"StackResourceSummaries": resources}
        return original(client, operation, parameters)

    monkeypatch.setattr(stack, "call", call)
    return str(arn)


def running(machine: str) -> list[str]:
    found = SFN.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    return sorted(each["executionArn"] for each in found)


def start(machine: str, count: int) -> list[str]:
    return sorted(
        SFN.start_execution(stateMachineArn=machine, input=json.dumps({}))["executionArn"]
        for _ in range(count)
    )


def test_what_runs_of_the_stacks_machines_is_found(machine: str) -> None:
    arns = start(machine, 3)
    assert sorted(waiting(CLOUDFORMATION, SFN, STACK)) == arns


def test_a_stack_that_is_not_there_is_a_sentence(aws: Stubber) -> None:
    aws.add_client_error("list_stack_resources", "ValidationError", "Stack with id x does not exist")
    with aws, pytest.raises(SystemExit, match=r"The stack latchkey-test cannot be read: .*does not exist"):
        waiting(CLOUDFORMATION, SFN, STACK)


def test_each_machine_is_told_with_what_waits_in_it() -> None:
    arn = "arn:aws:states:eu-central-1:123456789012:execution:latchkey-test-"
    text = told([f"{arn}reset:a", f"{arn}reset:b", f"{arn}rotation:c"])
    assert "- 2 of latchkey-test-reset\n- 1 of latchkey-test-rotation\n" in text
    assert told([]) == "Nothing waits.\n"


@pytest.fixture
def commands(machine: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], list[str]]]:
    """Return what is run, in place of running it, and which executions ran by then."""
    ran: list[tuple[list[str], list[str]]] = []

    def run(arguments: list[str]) -> int:
        ran.append(([str(argument) for argument in arguments[1:]], running(machine)))
        return 0

    monkeypatch.setattr(subprocess, "call", run)
    monkeypatch.setattr(delete_stage, "delete_keys", lambda *_: 0)
    return ran


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str, says: str | None = None) -> int:
    def answer(question: str) -> str:
        assert "for good" in question
        assert says is not None, "a script was asked"
        return says

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr(sys, "argv", ["delete_stage", *arguments])
    return main()


@pytest.mark.parametrize("says", ["", "n", "yes?"])
def test_without_a_yes_nothing_ends(
    machine: str, commands: list[object], monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    arns = start(machine, 1)
    assert run_main(monkeypatch, "dev", says=says) == 1
    assert (running(machine), commands) == (arns, [])


@pytest.mark.parametrize("says", ["y", None])
def test_after_a_yes_what_waits_ends_before_the_stack_does(
    machine: str, commands: list[object], monkeypatch: pytest.MonkeyPatch, says: str | None
) -> None:
    start(machine, 2)
    assert run_main(monkeypatch, "dev", *([] if says else ["--yes"]), says=says) == 0
    assert commands == [(["delete", "--config-env", "dev", "--no-prompts"], [])]


@pytest.mark.usefixtures("commands")
def test_what_waits_is_told_before_and_what_stays_after(
    machine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start(machine, 2)
    run_main(monkeypatch, "dev", "--yes")
    shown = capsys.readouterr().out
    assert "- 2 of latchkey-test-reset\n" in shown
    assert shown.index("- 2 of") < shown.index("2 execution(s) stopped") < shown.index("pending deletion")


def test_an_unknown_stage_is_a_sentence_that_names_the_known_ones() -> None:
    with pytest.raises(SystemExit, match=r"There is no stage foo in samconfig.toml; it has dev, qa, prod\."):
        place_of("foo", CONFIG)


def test_artifacts_of_every_stage_lie_apart() -> None:
    stages = ("dev", "qa", "prod")
    prefixes = {CONFIG[stage]["deploy"]["parameters"]["s3_prefix"] for stage in stages}
    assert prefixes == {CONFIG[stage]["global"]["parameters"]["stack_name"] for stage in stages}
