"""A stage of the local cloud writes access logs where the account lets it."""

from typing import Any

import pytest

from local.emulator.patches import access_logs
from local.emulator.patches.base import module

STAGE = "AWS::ApiGateway::Stage"
LOGGED = {"StageName": "prod", "AccessLogSetting": {"DestinationArn": "arn:aws:logs:::log-group:api"}}


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what CloudFormation does with a stage, patched for one test; only what is checked first."""
    kept = module("services.cloudformation.provisioners")._RESOURCE_HANDLERS  # noqa: SLF001  # it has no other way in
    stage = {"create": lambda *_: "made", "update": lambda *_: "made"}
    monkeypatch.setitem(kept, STAGE, stage)
    access_logs.apply()
    return stage


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the settings of an account, which has no role for the logs."""
    settings: dict[str, Any] = {}
    monkeypatch.setattr(module("services.apigateway_v1"), "_account_settings", settings)
    return settings


@pytest.mark.parametrize("action", ["create", "update"])
def test_a_stage_with_a_log_needs_the_accounts_role(
    account: dict[str, Any], handlers: dict[str, Any], action: str
) -> None:
    def make(properties: dict[str, Any]) -> object:
        return handlers[action]("Stage", *[{}] * (action == "update"), properties, "stack")

    with pytest.raises(ValueError, match="CloudWatch Logs role"):
        make(LOGGED)
    assert make({"StageName": "prod"}) == "made"
    account["settings"] = {"cloudwatchRoleArn": "arn:aws:iam::0:role/logs"}
    assert make(LOGGED) == "made"
