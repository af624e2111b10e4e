"""A caller of MiniStack's IAM, patched for one test."""

import json
from typing import Any

import pytest

from local.emulator.patches import permissions
from local.emulator.patches.base import module
from tests.unit.coroutines import result_of

REGION, ACCOUNT = "us-east-1", "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/caller"
_KEY = "ASIACALLER0000000000"
_FORM = {"content-type": "application/x-www-form-urlencoded"}


def patch_permissions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test's patches of what IAM is asked end with the test."""
    actions, evaluator = module("core.iam_actions"), module("core.iam_evaluator")
    for owner, name in (
        (actions, "extract_resource_arn"),
        (evaluator, "enforce"),
        (evaluator, "_resolve_condition_key"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    permissions.apply(lambda _: None)


def make_caller(*statements: dict[str, Any]) -> None:
    """Make the one role, which may do what the statements say."""
    module("services.iam").reset()
    policy = json.dumps({"Statement": statements})
    for body in (
        "Action=CreateRole&RoleName=caller&AssumeRolePolicyDocument={}",
        f"Action=PutRolePolicy&RoleName=caller&PolicyName=all&PolicyDocument={policy}",
    ):
        result_of(module("services.iam").handle_request("POST", "/", _FORM, body.encode(), {}))
    session = {
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/one",
        "UserId": "caller:one",
        "SecretAccessKey": "-",
    }
    module("services.sts").register_session(_KEY, session)


def may(service: str, action: str, method: str = "POST", path: str = "/", **request: object) -> bool:
    """Say whether the role may make a call."""
    headers, body = {"x-amz-target": f"{service}.{action}"}, json.dumps(request).encode()
    resource = module("core.iam_actions").extract_resource_arn(
        service, method, path, headers, body, {}, REGION, ACCOUNT
    )
    denied = module("core.iam_evaluator").enforce(
        _KEY, f"{service}:{action}", service, REGION, resource_arn=resource
    )
    return denied is None
