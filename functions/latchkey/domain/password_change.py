"""Whether people may choose a password of their own, as each reset asks of them at the next sign-in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

CHANGE_ACTION = "iam:ChangePassword"

#: Whether and when a session began with MFA. A sign-in without a device never has the latter.
_MFA_PREFIX = "aws:multifactorauth"
_MFA_PRESENT = "aws:MultiFactorAuthPresent"


def question(arn: str, *, with_mfa: bool) -> dict[str, Any]:
    """Return what to ask IAM's simulation: whether a user who signs in so may change the password.

    The simulated caller is the user itself, so variables such as `${aws:username}` are known
    (https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html, `CallerArn`).
    """
    context = [
        {
            "ContextKeyName": _MFA_PRESENT,
            "ContextKeyValues": [str(with_mfa).lower()],
            "ContextKeyType": "boolean",
        }
    ]
    return {
        "PolicySourceArn": arn,
        "ActionNames": [CHANGE_ACTION],
        "ResourceArns": [arn],
        "ContextEntries": context,
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What IAM's simulation answered: its decision, and the condition keys that it was not told."""

    decision: str
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, results: Sequence[Mapping[str, Any]]) -> Self:
        """Read `EvaluationResults`, which hold one result for the one action and the one resource.

        Where resources are named, their own results hold the missing keys
        (https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html).
        """
        (result,) = results
        parts = (result, *result.get("ResourceSpecificResults", ()))
        return cls(
            result["EvalDecision"],
            tuple(key for part in parts for key in part.get("MissingContextValues", ())),
        )

    def lets_change(self, *, allowed_to_all: bool) -> bool:
        """Tell whether the user may change the password, or whether IAM cannot know.

        A refusal that depends on what the simulation was not told, such as the address of the sign-in, may be
        none.

        Args:
            allowed_to_all: whether the account's password policy lets users change their own passwords, which
                only a policy that denies it takes from them.
        """
        unknown = any(not key.lower().startswith(_MFA_PREFIX) for key in self.missing)
        return self.decision == "allowed" or unknown or (self.decision == "implicitDeny" and allowed_to_all)
