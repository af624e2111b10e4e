"""What goes before a stack is deleted."""

import boto3
import pytest
from botocore.stub import Stubber

from tests.unit.smtp import USER, Smtp
from tests.unit.stack import IAM
from tools.delete_stage import delete_keys

CLOUDFORMATION = boto3.client("cloudformation")
ASKED = {"StackName": "latchkey-test", "LogicalResourceId": "SmtpUser"}


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
    assert delete_keys(CLOUDFORMATION, IAM, "latchkey-test") == count
    assert smtp.keys() == {}


def test_a_stack_that_is_not_there_has_no_keys(aws: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    aws.add_client_error("describe_stack_resource", "ValidationError", "no such stack")
    with aws:
        assert delete_keys(CLOUDFORMATION, IAM, "latchkey-test") == 0
    assert "no such stack" in capsys.readouterr().out
