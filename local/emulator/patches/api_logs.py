"""API Gateway: what a stage tells of each request, in its access log and in CloudWatch's metrics.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/apigateway_v1.py
    `_handle_execute_in_scope`
https://github.com/ministackorg/ministack/blob/main/ministack/services/cloudformation/provisioners.py
    `_RESOURCE_HANDLERS`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json
import re
import time
import uuid
from http import HTTPStatus
from typing import Any

from local.emulator.patches.base import Untyped, module, replace

_STAGE = "AWS::ApiGateway::Stage"
_STREAM = "requests"
_VARIABLE = re.compile(r"\$context\.([A-Za-z.]+)")

#: The AccessLogSetting of each stage, by API and stage.
_settings: dict[tuple[str, str], dict[str, str]] = {}


def apply() -> None:
    """AWS: a stage logs each request in the form it was given, and counts answers with 5xx.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    MiniStack does neither, and drops the setting. Raises PatchError.
    """
    _keep_settings()
    gateway = module("services.apigateway_v1", "_match_resource_tree", "_rest_apis")
    logs = module("services.cloudwatch_logs", "_append_log_events", "_create_log_stream", "_log_groups")
    cloudwatch = module("services.cloudwatch", "record_metric")

    def wrap(original: Untyped) -> Untyped:
        async def execute(api: str, stage: str, method: str, path: str, *rest: Untyped) -> Untyped:
            began = time.time()
            answer = await original(api, stage, method, path, *rest)
            status, name = int(answer[0]), (gateway._rest_apis.get(api) or {}).get("name", api)
            failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
            dimensions = {"ApiName": name, "Stage": stage}
            cloudwatch.record_metric("AWS/ApiGateway", "5XXError", int(failed), "Count", dimensions)
            setting = _settings.get((api, stage))
            if setting:
                route = route_of(gateway, api, path)
                _log(logs, setting, context_of(method, route, status, began, time.time()))
            return answer

        return execute

    replace(gateway, "_handle_execute_in_scope", wrap)


def _keep_settings() -> None:
    provisioners = module("services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    handlers = provisioners._RESOURCE_HANDLERS[_STAGE]
    create, update = handlers["create"], handlers["update"]

    def keep(properties: dict[str, Any]) -> None:
        place = properties["RestApiId"], properties["StageName"]
        _settings.pop(place, None)
        if "AccessLogSetting" in properties:
            _settings[place] = properties["AccessLogSetting"]

    def kept_create(logical_id: str, new: dict[str, Any], *rest: Untyped) -> Untyped:
        keep(new)
        return create(logical_id, new, *rest)

    def kept_update(physical_id: str, old: Untyped, new: dict[str, Any], *rest: Untyped) -> Untyped:
        keep(new)
        return update(physical_id, old, new, *rest)

    handlers |= {"create": kept_create, "update": kept_update}


def route_of(gateway: Untyped, api: str, path: str) -> str:
    """Return the API's resource that a path leads to, such as `/{link+}`: what AWS calls `resourcePath`."""
    resource, _ = gateway._match_resource_tree(api, [part for part in path.split("/") if part])
    return str(resource["path"]) if resource else "-"


def context_of(method: str, route: str, status: int, began: float, ended: float) -> dict[str, str]:
    """Return the variables of an access log's format that there is a value for."""
    return {
        "extendedRequestId": str(uuid.uuid4()),
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(began)),
        "identity.sourceIp": "127.0.0.1",
        "httpMethod": method,
        "resourcePath": route,
        "status": str(status),
        "responseLatency": str(round((ended - began) * 1000)),
    }


def line_of(form: str, context: dict[str, str]) -> str:
    """Return a line of an access log; what has no value is `-`, as on AWS."""
    return _VARIABLE.sub(lambda found: json.dumps(context.get(found[1], "-"))[1:-1], form)


def _log(logs: Untyped, setting: dict[str, str], context: dict[str, str]) -> None:
    group = setting["DestinationArn"].partition(":log-group:")[2].removesuffix(":*")
    if group not in logs._log_groups:
        return
    logs._create_log_stream({"logGroupName": group, "logStreamName": _STREAM})
    now = round(time.time() * 1000)
    event = {"timestamp": now, "message": line_of(setting["Format"], context), "ingestionTime": now}
    logs._append_log_events(logs._log_groups[group]["streams"][_STREAM], [event])
