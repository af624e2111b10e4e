"""What the local cloud's simulation of policies says about people who change their passwords."""

# ruff: noqa: SLF001  # MiniStack has no public way in

import json
import re
from collections.abc import Iterator

import pytest

from latchkey.domain.password_change import question
from local.emulator.patches import simulation
from local.emulator.patches.base import module

IAM = module("services.iam", "_IAM_HANDLERS")
ARN = "arn:aws:iam::000000000000:user/people/alice"
#: The heart of the policy that AWS's guide gives to people who have to use MFA.
DENY_WITHOUT_MFA = {
    "Effect": "Deny",
    "NotAction": ["iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "sts:GetSessionToken"],
    "Resource": "*",
    "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
}


def call(action: str, **params: str) -> str:
    status, _, body = IAM._IAM_HANDLERS[action]({name: [value] for name, value in params.items()})
    assert status == 200, body
    return body.decode() if isinstance(body, bytes) else str(body)


@pytest.fixture(autouse=True)
def alice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make a user below a path, in a cloud with the patch."""
    evaluator = module("core.iam_evaluator", "_resolve_condition_key")
    for name in ("_simulate_principal_policy", "_build_simulate_results_real"):
        monkeypatch.setattr(IAM, name, getattr(IAM, name))
    monkeypatch.setitem(IAM._IAM_HANDLERS, "SimulatePrincipalPolicy", IAM._simulate_principal_policy)
    monkeypatch.setattr(evaluator, "_resolve_condition_key", evaluator._resolve_condition_key)
    simulation.apply()
    IAM.reset()
    call("CreateUser", UserName="alice", Path="/people/")
    yield
    IAM.reset()


def decision(*, with_mfa: bool = False) -> str:
    asked = question(ARN, with_mfa=with_mfa)
    (entry,) = asked["ContextEntries"]
    body = call(
        "SimulatePrincipalPolicy",
        **{
            "PolicySourceArn": ARN,
            "ActionNames.member.1": asked["ActionNames"][0],
            "ResourceArns.member.1": ARN,
            "ContextEntries.member.1.ContextKeyName": entry["ContextKeyName"],
            "ContextEntries.member.1.ContextKeyValues.member.1": entry["ContextKeyValues"][0],
        },
    )
    found = re.search("<EvalDecision>(.*?)</EvalDecision>", body)
    return found[1] if found else body


def test_people_may_change_their_password_as_those_whom_the_console_made() -> None:
    assert decision() == "allowed"


def test_an_account_that_lets_people_not_change_leaves_it_to_their_policies() -> None:
    call("UpdateAccountPasswordPolicy", AllowUsersToChangePassword="false")
    assert decision() == "implicitDeny"
    own = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}
    call("PutUserPolicy", UserName="alice", PolicyName="own", PolicyDocument=json.dumps(own))
    assert decision() == "allowed"


def test_a_policy_that_demands_mfa_is_told_whether_there_is_mfa() -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": [DENY_WITHOUT_MFA]})
    call("PutUserPolicy", UserName="alice", PolicyName="mfa", PolicyDocument=document)
    assert decision(with_mfa=False) == "explicitDeny"
    assert decision(with_mfa=True) == "allowed"
