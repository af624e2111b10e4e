"""Each rule on state machines finds a definition that breaks it, and a definition that breaks none passes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools import check_statemachines
from tools.check_statemachines import RULES, TEMPLATE_RULES, Machine, check_template, main

GOOD = Path(__file__).parent / "statemachines" / "good.asl.json"
REMOVED = object()

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  ResetStateMachine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: statemachines/reset.asl.json
      DefinitionSubstitutions:
        Partition: !Ref AWS::Partition
        StorePasswordFunctionArn: !GetAtt StorePasswordFunction.Arn
        ClaimTtlMinutes: !Ref ClaimTtlMinutes
      Logging:
        Level: ERROR
        IncludeExecutionData: false
  StorePasswordFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: reset.store_password.handler
"""

type Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return what builds a project with one state machine and returns its template."""

    def build(
        definition: str, template: str = TEMPLATE, modules: tuple[str, ...] = ("store_password",)
    ) -> Path:
        (tmp_path / "statemachines").mkdir()
        (tmp_path / "statemachines" / "reset.asl.json").write_text(definition)
        (tmp_path / "functions" / "reset").mkdir(parents=True)
        for module in ("__init__", *modules):
            (tmp_path / "functions" / "reset" / f"{module}.py").touch()
        (tmp_path / "template.yaml").write_text(template)
        return tmp_path / "template.yaml"

    return build


@pytest.fixture
def without_cfn_lint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the one check whose start takes longer than all others: it is not asked here."""
    monkeypatch.setattr(check_statemachines, "check_with_cfn_lint", lambda _definitions: [])


def good() -> str:
    return GOOD.read_text()


def good_but(path: str, value: object) -> str:
    """Return the good definition with the value at a dotted path changed, or removed."""
    definition = json.loads(good())
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = definition
    for step in way:
        place = place[step]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return json.dumps(definition)


def rules_broken(template: Path) -> set[str]:
    return {finding.rule for _, finding in check_template(template).findings}


def test_a_definition_that_breaks_no_rule_passes(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--template", str(tree(good()))]) == 0
    assert capsys.readouterr().out == "1 state machine(s) with 6 states checked\n"


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (REMOVED, "WaitForClaim: callback-without-timeout: waits for a task token without"),
        (3600, "unused-substitution: the template gives ClaimTtlMinutes, which"),
    ],
)
@pytest.mark.usefixtures("without_cfn_lint")
def test_a_finding_names_file_state_rule_and_reason(
    tree: Tree, capsys: pytest.CaptureFixture[str], seconds: object, message: str
) -> None:
    template = tree(good_but("States.WaitForClaim.TimeoutSeconds", seconds))
    assert main(["--template", str(template)]) == 1
    assert f"statemachines/reset.asl.json: {message}" in capsys.readouterr().out


WILDCARD_RETRIER = {
    "ErrorEquals": ["States.ALL"],
    "MaxAttempts": 2,
    "MaxDelaySeconds": 20,
    "JitterStrategy": "FULL",
}
NEVER_RETRIED = {"ErrorEquals": ["UserNotFoundError"], "MaxAttempts": 0}


@pytest.mark.parametrize(
    ("rule", "path", "value"),
    [
        ("statelint", "StartAt", "Nowhere"),
        ("statelint", "StartAt", ["StorePassword"]),
        ("statelint", "States.HowItEnded.Choices.0.Next", "Nowhere"),
        ("statelint", "States.HowItEnded.Default", "Nowhere"),
        ("statelint", "States.WaitForClaim.Catch.1.Next", "Nowhere"),
        ("statelint", "States.Forgotten", {"Type": "Succeed"}),
        ("statelint", "States.HowItEnded.Default", "Claimed"),
        ("task-without-timeout", "States.StorePassword.TimeoutSeconds", REMOVED),
        ("task-without-timeout", "States.StorePassword.TimeoutSeconds", "20"),
        ("callback-without-timeout", "States.WaitForClaim.TimeoutSeconds", REMOVED),
        ("callback-without-token", "States.WaitForClaim.Arguments.Value", "token"),
        ("callback-without-token", "States.WaitForClaim.Arguments.Value", "$states.context.Task.Token"),
        ("token-outside-callback", "States.Expired.Output.token", "{% $states.context.Task.Token %}"),
        ("task-without-retry", "States.StorePassword.Retry", REMOVED),
        ("task-without-catch", "States.StorePassword.Catch", []),
        ("retry-without-jitter", "States.StorePassword.Retry.2.JitterStrategy", REMOVED),
        ("retry-without-ceiling", "States.WaitForClaim.Retry.0.MaxDelaySeconds", REMOVED),
        ("retry-order", "States.StorePassword.Retry", [WILDCARD_RETRIER]),
        ("retry-order", "States.StorePassword.Retry", [WILDCARD_RETRIER, NEVER_RETRIED]),
        ("throttled-function", "States.StorePassword.Retry.1.MaxAttempts", 3),
        ("throttled-function", "States.StorePassword.Retry.1.ErrorEquals", ["ThrottledError"]),
        ("wildcard-not-last", "States.StorePassword.Retry", [NEVER_RETRIED, WILDCARD_RETRIER, NEVER_RETRIED]),
        ("wildcard-not-last", "States.WaitForClaim.Catch.0.ErrorEquals", ["States.ALL"]),
        ("wildcard-not-last", "States.WaitForClaim.Catch.1.ErrorEquals", ["States.ALL", "Other"]),
        ("error-lost", "States.StorePassword.Catch.0.Assign", {"error": "$states.errorOutput"}),
        ("error-lost", "States.WaitForClaim.Catch.0.Output", REMOVED),
        ("end-in-passing", "States.StorePassword.End", True),
        ("fail-without-cause", "States.Failed.Cause", REMOVED),
        ("fail-without-cause", "States.Failed.Error", ""),
        (
            "events-lost",
            "States.StorePassword.Resource",
            "arn:${Partition}:states:::aws-sdk:eventbridge:putEvents",
        ),
        ("fixed-partition", "States.StorePassword.Resource", "arn:aws:states:::lambda:invoke"),
        ("fixed-partition", "States.StorePassword.Resource", "arn:aws-us-gov:states:::lambda:invoke"),
        ("state-name", "States.pause", {"Type": "Wait", "Seconds": 1, "Next": "Claimed"}),
        ("state-name", "States.SendSMTPMail", {"Type": "Succeed"}),
        ("query-language", "QueryLanguage", REMOVED),
        ("query-language", "QueryLanguage", "JSONPath"),
        ("no-comment", "Comment", REMOVED),
        ("no-comment", "States.StorePassword.Comment", REMOVED),
        ("standard-retriers", "States.StorePassword.Retry", [NEVER_RETRIED, WILDCARD_RETRIER]),
        ("standard-retriers", "States.StorePassword.Retry.1.ErrorEquals", ["ServiceUnavailableError"]),
        ("standard-retriers", "States.StorePassword.Retry.1.MaxAttempts", 9),
        ("standard-retriers", "States.StorePassword.Retry.2.IntervalSeconds", REMOVED),
        ("missing-substitution", "States.Claimed.Comment", "In ${AWS::Region}"),
        ("one-state-one-module", "States.StorePassword.Arguments.FunctionName", "${ClaimTtlMinutes}"),
        ("statelint", "States.StorePassword.Retry.2.JitterStrategy", "SOME"),
        ("statelint", "States", {"StorePassword": {"Type": ["Task"], "Next": {}}}),
    ],
)
@pytest.mark.usefixtures("without_cfn_lint")
def test_a_definition_that_breaks_a_rule_is_found(tree: Tree, rule: str, path: str, value: object) -> None:
    assert rule in rules_broken(tree(good_but(path, value)))


@pytest.mark.parametrize(("asleep", "attempts", "found"), [(0, 8, True), (3, 7, True), (3, 8, False)])
@pytest.mark.usefixtures("without_cfn_lint")
def test_a_function_in_a_vpc_that_is_not_waited_for_is_found(
    tree: Tree, asleep: int, attempts: int, *, found: bool
) -> None:
    names = [f"Lambda.{each}Exception" for each in ("ENINotReady", "ResourceConflict", "ResourceNotReady")]
    definition = json.loads(good())
    retrier = definition["States"]["StorePassword"]["Retry"][1]
    retrier["ErrorEquals"] += names[:asleep]
    retrier["MaxAttempts"] = attempts
    template = tree(json.dumps(definition), TEMPLATE + "      VpcConfig: {SubnetIds: [subnet-1]}\n")
    assert ("sleeping-function" in rules_broken(template)) is found


def test_what_cfn_lint_finds_is_found(tree: Tree) -> None:
    assert "cfn-lint-E3601" in rules_broken(tree(good_but("States.Claimed.Result", "nothing")))


@pytest.mark.usefixtures("without_cfn_lint")
def test_states_nested_in_a_map_keep_the_rules(tree: Tree) -> None:
    batch = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Next": "Nowhere"}
    scope = {"StartAt": "Claimed", "States": {"Claimed": batch}}
    each = {"Type": "Map", "Items": "{% [1, 2] %}", "ItemProcessor": scope, "Next": "Expired"}
    said = "\n".join(
        str(found) for _, found in check_template(tree(good_but("States.Claimed", each))).findings
    )
    for each_rule in ('No state found named "Nowhere"', "is also defined at", "task-without-timeout"):
        assert each_rule in said


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("ItemSelector", {"handle": "{% $handle %}"}, True),
        ("ItemReader", {"Arguments": {"Key": "{% $string( $handle ) %}"}}, True),
        ("ItemSelector", {"handle": "{% $states.input.handle %}"}, False),
        ("ItemSelector", {"handle": "{% ($own := $states.input.handle; $string($own)) %}"}, False),
        (
            "Catch",
            [{"ErrorEquals": ["States.ALL"], "Assign": {"error": "{% $handle %}"}, "Next": "X"}],
            False,
        ),
    ],
)
def test_a_variable_that_no_distributed_map_sees_is_found(field: str, value: object, *, found: bool) -> None:
    child = {"Type": "Pass", "Assign": {"mine": 1}, "Output": "{% $mine %}", "End": True}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED"},
        "StartAt": "Child",
        "States": {"Child": child},
    }
    each = {"Type": "Map", "ItemProcessor": processor, "Next": "Expired", field: value}
    findings = list(check_statemachines.check_distributed_maps({"States": {"Each": each}}))
    assert [finding.rule for finding in findings] == ["outer-variable"] * found


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("missing-substitution", "        ClaimTtlMinutes: !Ref ClaimTtlMinutes\n", ""),
        ("execution-data-logged", "        IncludeExecutionData: false\n", ""),
        ("execution-data-logged", "IncludeExecutionData: false", "IncludeExecutionData: true"),
        ("execution-data-logged", "IncludeExecutionData: false", "IncludeExecutionData: !Ref Logged"),
        ("log-level", "        Level: ERROR\n", ""),
        ("one-state-one-module", "!GetAtt StorePasswordFunction.Arn", "!GetAtt OtherFunction.Arn"),
        ("one-state-one-module", "Handler: reset.store_password.handler", "Handler: reset.other.handler"),
        ("one-state-one-module", "  StorePasswordFunction:\n", "  StoringFunction:\n"),
        ("unreadable", "DefinitionUri: statemachines/reset.asl.json", "Definition: {}"),
        ("unreadable", "statemachines/reset.asl.json", "statemachines/gone.asl.json"),
        ("unreadable", "Transform:", "]"),
        ("no-machine", "AWS::Serverless::StateMachine", "AWS::Serverless::Api"),
    ],
)
@pytest.mark.usefixtures("without_cfn_lint")
def test_a_template_that_breaks_a_rule_is_found(tree: Tree, rule: str, old: str, new: str) -> None:
    assert rule in rules_broken(tree(good(), TEMPLATE.replace(old, new)))


@pytest.mark.usefixtures("without_cfn_lint")
@pytest.mark.parametrize("modules", [(), ("store_password", "left_over")])
def test_a_module_missing_or_left_over_is_found(tree: Tree, modules: tuple[str, ...]) -> None:
    assert rules_broken(tree(good(), modules=modules)) == {"one-state-one-module"}


@pytest.mark.usefixtures("without_cfn_lint")
def test_a_getatt_spelt_out_is_the_same_as_its_short_form(tree: Tree) -> None:
    spelt_out = "{Fn::GetAtt: [StorePasswordFunction, Arn]}"
    assert (
        rules_broken(tree(good(), TEMPLATE.replace("!GetAtt StorePasswordFunction.Arn", spelt_out))) == set()
    )


@pytest.mark.usefixtures("without_cfn_lint")
@pytest.mark.parametrize(
    "definition",
    ["", "{", "[]", '{"States": {}, "States": {}}', good().replace('"Expired": {', '"Claimed": {')],
)
def test_what_is_no_json_object_or_has_a_key_twice_is_unreadable(tree: Tree, definition: str) -> None:
    assert rules_broken(tree(definition)) == {"unreadable"}


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just("States.ALL"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:  # noqa: ANN401  any JSON
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in ((*path, key), *_places(item, (*path, key)))]


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(_places(json.loads(good()))), value=ANY_JSON)
def test_no_definition_however_malformed_raises(place: tuple[str | int, ...], value: object) -> None:
    definition = json.loads(good_but(".".join(str(step) for step in place), value))
    machine = Machine("reset.asl.json", definition, properties={}, resources={}, root=GOOD.parent)
    for rule in RULES:
        list(rule(definition))
    for template_rule in TEMPLATE_RULES:
        list(template_rule(machine))
