"""`latchkey check` as an operator types it: what it prints, and how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.check import KINDS
from tests.unit.cli.account import (
    BOUNDARY,
    STACK,
    USER_POOL,
    WEB_ACL,
    Account,
    action,
    before_the_first_deployment,
    documented_actions,
    error,
    execution,
    person,
    report,
)

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Latchkey

ROOT = Path(__file__).parents[3]


def test_help_says_what_the_exit_codes_mean(latchkey: Latchkey) -> None:
    assert "check" in latchkey("--help").output
    result = latchkey("check", "--help")
    assert result.exit_code == 0
    assert re.search(r"Exits with 0 when.*1 when.*2 for.*3 when", result.output, re.DOTALL)
    assert "LATCHKEY_STACK" in result.output


def test_a_healthy_stack_leaves_the_terminal_empty(latchkey: Latchkey) -> None:
    result = latchkey("check", "--stack", STACK)
    assert (result.exit_code, result.output) == (0, "")


def test_the_stack_may_come_from_the_environment(latchkey: Latchkey) -> None:
    assert latchkey("check", LATCHKEY_STACK=STACK).exit_code == 0
    result = latchkey("check", LATCHKEY_STACK=None)
    assert result.exit_code == 2
    assert "LATCHKEY_STACK" in result.output


def test_a_finding_comes_with_its_remedy_and_its_document(account: Account, latchkey: Latchkey) -> None:
    account.plant("sesv2.GetAccount", {"ProductionAccessEnabled": False})
    result = latchkey("check", "--stack", STACK)
    assert result.exit_code == 1
    name, sentence, remedy, see = result.output.splitlines()
    assert name == "SesSandbox"
    assert "sandbox" in sentence
    assert remedy == f"  Remedy: {KINDS['SesSandbox'].remedy}"
    assert see == "  See docs/check.md#mails"
    assert "\x1b" not in result.output


@pytest.mark.parametrize("healthy", [True, False])
def test_json_is_for_programs(account: Account, latchkey: Latchkey, healthy: bool) -> None:  # noqa: FBT001
    account.plant("sesv2.GetAccount", {"ProductionAccessEnabled": healthy})
    result = latchkey("check", "--json", "--stack", STACK)
    answer = json.loads(result.output)
    assert answer["stack"] == STACK
    assert [finding["name"] for finding in answer["findings"]] == ([] if healthy else ["SesSandbox"])
    assert result.exit_code == (0 if healthy else 1)


def test_what_is_accepted_can_be_ignored(account: Account, latchkey: Latchkey) -> None:
    account.plant("sesv2.GetAccount", {"ProductionAccessEnabled": False})
    result = latchkey("check", "--stack", STACK, "--ignore", "SesSandbox")
    assert (result.exit_code, result.output) == (0, "")
    assert latchkey("check", "--stack", STACK, "--ignore", "SesSandpit").exit_code == 2


def test_what_is_so_on_purpose_is_a_note_for_who_asks(account: Account, latchkey: Latchkey) -> None:
    account.plant("iam.GetCredentialReport", report("root@example.com"))
    protected = person("root@example.com", GroupList=["Admins"])
    account.plant("iam.GetAccountAuthorizationDetails", {"UserDetailList": [protected]})
    assert latchkey("check", "--stack", STACK).output == ""
    result = latchkey("check", "--stack", STACK, "--notes")
    assert "PeopleProtected" in result.output
    assert result.exit_code == 0


def test_what_may_not_be_read_is_said_and_the_rest_is_checked(account: Account, latchkey: Latchkey) -> None:
    account.plant("sesv2.GetAccount", error("AccessDeniedException", "not authorized: ses:GetAccount"))
    account.plant("kms.DescribeKey", {"KeyMetadata": {"KeyState": "Disabled"}})
    result = latchkey("check", "--stack", STACK)
    assert result.exit_code == 1
    assert "ses:GetAccount" in result.output
    assert "KeyUnusable" in result.output


def test_a_stack_that_is_not_there_is_no_traceback(account: Account, latchkey: Latchkey) -> None:
    account.plant("cloudformation.DescribeStacks", error("ValidationError"))
    result = latchkey("check", "--stack", STACK)
    assert result.exit_code == 1
    assert f"There is no stack {STACK} in eu-central-1" in result.output


def test_refused_credentials_end_with_a_code_of_their_own(account: Account, latchkey: Latchkey) -> None:
    account.plant("sts.GetCallerIdentity", error("ExpiredToken", "The security token is expired"))
    result = latchkey("check", "--stack", STACK)
    assert result.exit_code == 3
    assert result.output.startswith("Error: An error occurred (ExpiredToken)")


def test_a_stage_is_checked_before_it_is_deployed(
    account: Account, latchkey: Latchkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    before_the_first_deployment(account)
    result = latchkey("check", "--json", "--stage", "prod", "--parameter", "SenderAdress=me@example.com")
    answer = json.loads(result.output)
    assert answer["stack"] == "latchkey-prod"
    assert {finding["name"] for finding in answer["findings"]} == {
        "AdminAddressMissing",
        "ParameterMissing",
        "ParameterUnknown",
    }


def test_a_stage_has_its_own_stack_whatever_the_environment_says(
    latchkey: Latchkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    answer = json.loads(latchkey("check", "--json", "--stage", "prod", LATCHKEY_STACK="latchkey-dev").output)
    assert answer["stack"] == "latchkey-prod"


def test_a_stage_that_is_not_there_is_a_wrong_option(
    latchkey: Latchkey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    result = latchkey("check", "--stage", "foo")
    assert (result.exit_code, "no stage foo" in result.output) == (2, True)
    assert latchkey("check", "--stage", "dev", "--parameter", "SenderAddress").exit_code == 2
    assert latchkey("check", "--stack", STACK, "--parameter", "Stage=dev").exit_code == 2
    monkeypatch.chdir(tmp_path)
    result = latchkey("check", "--stage", "dev")
    assert (result.exit_code, "checkout" in result.output) == (2, True)


def test_every_kind_of_finding_can_be_listed(latchkey: Latchkey) -> None:
    assert [each["name"] for each in json.loads(latchkey("check", "--list", "--json").output)] == list(KINDS)
    listed = latchkey("check", "--list").output.splitlines()
    assert listed[::2] == list(KINDS)


def test_every_kind_of_finding_is_explained_where_it_says() -> None:
    text = (ROOT / "docs" / "check.md").read_text("utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    explained = {
        (name, section.splitlines()[0].lower().replace(" ", "-"))
        for section in sections
        for names in re.findall(r"^\| (`.+?`) \|", section, re.MULTILINE)
        for name in re.findall(r"\w+", names)
    }
    assert explained == {(kind.name, kind.section) for kind in KINDS.values()}


def test_the_document_has_the_policy_that_a_check_needs(
    account: Account, latchkey: Latchkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    account.set_parameter(
        PermissionsBoundaryArn=BOUNDARY, UserPoolArn=USER_POOL, HelpdeskGroup="helpdesk", WebAclArn=WEB_ACL
    )
    account.set_parameter(ProtectedGroups="Ops")
    failed = execution("cleanup", "c1", "FAILED")
    account.plant("stepfunctions.ListExecutions", {"executions": [failed]})
    account.plant(
        "stepfunctions.DescribeExecution",
        {key: failed[key] for key in ("executionArn", "stateMachineArn", "status", "startDate")},
    )
    answer = json.loads(latchkey("check", "--json", "--stage", "prod").output)
    assert "NotChecked" not in {finding["name"] for finding in answer["findings"]}
    assert documented_actions() == sorted({action(call) for call in account.calls} - {""})
