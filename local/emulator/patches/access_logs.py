"""API Gateway: where an account lets a stage write access logs.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/cloudformation/provisioners.py
    `_RESOURCE_HANDLERS`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

from typing import Any

from local.emulator.patches.base import Untyped, module


def apply() -> None:
    """AWS: a stage with an access log fails where the account and region have no CloudWatch role.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    MiniStack asks for none. Raises PatchError.
    """
    settings = module("services.apigateway_v1", "_account_settings")._account_settings
    provisioners = module("services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::Stage"]
    create, update = handlers["create"], handlers["update"]

    def check(properties: dict[str, Any]) -> None:
        if "AccessLogSetting" in properties and not (settings.get("settings") or {}).get("cloudwatchRoleArn"):
            raise ValueError("CloudWatch Logs role ARN must be set in account settings to enable logging")

    def checked_create(logical_id: str, new: dict[str, Any], *rest: Untyped) -> Untyped:
        check(new)
        return create(logical_id, new, *rest)

    def checked_update(physical_id: str, old: Untyped, new: dict[str, Any], *rest: Untyped) -> Untyped:
        check(new)
        return update(physical_id, old, new, *rest)

    handlers |= {"create": checked_create, "update": checked_update}
