"""What CloudFormation gets of the template: SAM's transform adds resources, and resolves no condition."""

import itertools
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from samtranslator.model import apigateway
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
#: What a package's place looks like once `sam package` has been here.
PACKAGED = "s3://artifacts/package"
POOL = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_"


@cache
def written() -> dict[str, Any]:
    """Return the template as it lies in the tree."""
    template: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    return template


def transform(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the resources CloudFormation sees, as its macro makes them for a stack with these parameters."""
    template = deepcopy(written())
    template["Globals"]["Function"]["CodeUri"] = PACKAGED
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = PACKAGED
    session = SimpleNamespace(region_name="eu-central-1")
    required = {"SenderAddress": "accounts@example.com"}
    transformed = Translator({}, Parser(), boto_session=session).translate(
        template, {**required, **parameters}
    )
    resources: dict[str, Any] = transformed["Resources"]
    return resources


@cache
def transformed() -> dict[str, Any]:
    """Return the resources of a stack with the parameters' defaults."""
    return transform({})


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
        resources = transform(parameters)
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
