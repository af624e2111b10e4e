"""CloudFormation: what conditions may compute.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/cloudformation/engine.py
    `_evaluate_conditions`
"""

from __future__ import annotations

from typing import Any

from local.emulator.patches.base import Untyped, module, replace


def apply() -> None:
    """AWS: a condition may join a list parameter, as the test for an empty one does. MiniStack does not join.

    Raises PatchError.
    """

    def wrap(original: Untyped) -> Untyped:
        def evaluate(template: dict[str, Any], params: dict[str, Any]) -> Untyped:
            conditions = joined(template.get("Conditions", {}), params)
            return original({**template, "Conditions": conditions}, params)

        return evaluate

    # Each of them has imported it by name.
    for name in ("changesets", "engine", "handlers", "stacks"):
        replace(module(f"services.cloudformation.{name}"), "_evaluate_conditions", wrap)


def joined(expression: Untyped, params: dict[str, Any]) -> Untyped:
    """Replace every join of a list parameter in an expression by its result."""
    match expression:
        case {"Fn::Join": [str(separator), {"Ref": str(name)}]} if name in params:
            return separator.join(part.strip() for part in str(params[name]["Value"]).split(","))
        case dict():
            return {key: joined(value, params) for key, value in expression.items()}
        case list():
            return [joined(value, params) for value in expression]
    return expression
