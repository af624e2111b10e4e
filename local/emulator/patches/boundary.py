"""IAM: an organisation that denies creating a role or user without its permissions boundary.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/cloudformation/provisioners.py
    `_RESOURCE_HANDLERS`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

from typing import Any

from local.emulator.patches.base import Untyped, module

_demanded = ""


def apply() -> None:
    """AWS: a policy of the organisation may deny roles and users that lack a permissions boundary.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
    CloudFormation then fails. MiniStack deploys with all rights. Raises PatchError.
    """
    provisioners = module("services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    for kind in ("Role", "User"):
        handlers = provisioners._RESOURCE_HANDLERS[f"AWS::IAM::{kind}"]
        handlers["create"] = _checked(kind, handlers["create"])


def demand(boundary_arn: str) -> None:
    """Deny roles and users without this permissions boundary from now on; empty: none is demanded."""
    global _demanded  # noqa: PLW0603  # as MiniStack's own services keep what they are told
    _demanded = boundary_arn


def _checked(kind: str, original: Untyped) -> Untyped:
    def create(logical_id: str, properties: dict[str, Any], *rest: Untyped) -> Untyped:
        if _demanded and properties.get("PermissionsBoundary") != _demanded:
            raise ValueError(
                f"{logical_id} is not authorized to perform: iam:Create{kind} "
                "with an explicit deny in a service control policy"
            )
        return original(logical_id, properties, *rest)

    return create
