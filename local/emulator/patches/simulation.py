"""IAM: what its simulation of a user's policies knows.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/iam.py
    `_simulate_principal_policy`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

from contextvars import ContextVar
from itertools import count, takewhile
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from local.emulator.patches.base import Untyped, module, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

type Params = Mapping[str, list[str]]

_SIMULATE = "SimulatePrincipalPolicy"

#: The condition keys of the simulation that is running, by their names in lower case.
_context: ContextVar[Mapping[str, str]] = ContextVar("simulation", default=MappingProxyType({}))


def apply() -> None:
    """AWS: `SimulatePrincipalPolicy` takes condition keys, and finds users by ARNs with a path.

    And AWS's console lets the users to whom it gives a password change it, by the policy
    IAMUserChangePassword. Users of this cloud are made by API calls, and get the same right here, unless the
    account's password policy says `AllowUsersToChangePassword=false`.
    Raises PatchError.
    """
    iam = module("services.iam", "_IAM_HANDLERS", "_account_password_policy")
    evaluator = module("core.iam_evaluator", "parse_policy_document")

    def handle(original: Untyped) -> Untyped:
        def simulate(params: Params) -> Untyped:
            account, _, name = params["PolicySourceArn"][0].rpartition("/")
            token = _context.set(dict(context_entries(params)))
            try:
                return original({**params, "PolicySourceArn": [f"{account.partition('/')[0]}/{name}"]})
            finally:
                _context.reset(token)

        return simulate

    def resolve(original: Untyped) -> Untyped:
        return lambda key, context: _context.get().get(key.lower()) or original(key, context)

    def results(original: Untyped) -> Untyped:
        def build(actions: list[str], resource: str, principal: str, *rest: Untyped) -> str:
            account, policies = rest
            allowed = (iam._account_password_policy.get("policy") or {}).get("AllowUsersToChangePassword")
            if ":user/" in principal and allowed is not False:
                policies = [*policies, evaluator.parse_policy_document(own_password(resource))]
            return str(original(actions, resource, principal, account, policies))

        return build

    replace(iam, "_simulate_principal_policy", handle)
    iam._IAM_HANDLERS[_SIMULATE] = iam._simulate_principal_policy
    replace(iam, "_build_simulate_results_real", results)
    replace(evaluator, "_resolve_condition_key", resolve)


def own_password(user_arn: str) -> dict[str, Any]:
    """Return the policy that lets a user change the password."""
    statement = {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": user_arn}
    return {"Version": "2012-10-17", "Statement": [statement]}


def context_entries(params: Params) -> Iterator[tuple[str, str]]:
    """Yield the condition keys that a simulation is given, and their values; of a list the first."""
    entries = (f"ContextEntries.member.{number}" for number in count(1))
    for entry in takewhile(lambda each: f"{each}.ContextKeyName" in params, entries):
        values = params.get(f"{entry}.ContextKeyValues.member.1", [""])
        yield params[f"{entry}.ContextKeyName"][0].lower(), values[0]
