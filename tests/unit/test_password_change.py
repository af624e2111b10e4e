"""Whether people may choose a password of their own: what IAM's simulation is asked, and what it means."""

from typing import Any

import pytest

from latchkey.domain.password_change import Answer, question

ARN = "arn:aws:iam::123456789012:user/people/alice"


def lets_change(decision: str, *missing: str, allowed_to_all: bool = False) -> bool:
    return Answer(decision, missing).lets_change(allowed_to_all=allowed_to_all)


@pytest.mark.parametrize(
    ("decision", "allowed_to_all", "allowed"),
    [
        ("allowed", False, True),
        ("allowed", True, True),
        ("implicitDeny", False, False),
        ("implicitDeny", True, True),
        ("explicitDeny", False, False),
        ("explicitDeny", True, False),
    ],
)
def test_a_policy_of_their_own_or_the_accounts_lets_people_change_and_a_deny_forbids_it(
    *, decision: str, allowed_to_all: bool, allowed: bool
) -> None:
    assert lets_change(decision, allowed_to_all=allowed_to_all) is allowed


@pytest.mark.parametrize("decision", ["implicitDeny", "explicitDeny"])
def test_a_refusal_that_depends_on_what_no_one_knows_yet_keeps_no_one_out(decision: str) -> None:
    assert lets_change(decision, "aws:SourceIp")
    assert not lets_change(decision, "aws:MultiFactorAuthAge")


@pytest.mark.parametrize(("with_mfa", "told"), [(True, "true"), (False, "false")])
def test_the_simulation_is_told_whether_the_sign_in_has_mfa(*, with_mfa: bool, told: str) -> None:
    asked = question(ARN, with_mfa=with_mfa)
    assert (asked["PolicySourceArn"], asked["ActionNames"]) == (ARN, ["iam:ChangePassword"])
    assert asked["ResourceArns"] == [ARN]
    (key,) = asked["ContextEntries"]
    assert (key["ContextKeyName"], key["ContextKeyValues"]) == ("aws:MultiFactorAuthPresent", [told])


def test_missing_keys_are_found_wherever_iam_names_them() -> None:
    decided: dict[str, Any] = {"EvalDecision": "explicitDeny", "MissingContextValues": ["a"]}
    specific = [{"EvalResourceDecision": "explicitDeny", "MissingContextValues": ["b"]}]
    assert Answer.of([decided | {"ResourceSpecificResults": specific}]).missing == ("a", "b")
