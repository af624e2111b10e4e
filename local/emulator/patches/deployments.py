"""API Gateway: which definition of an API a stage serves.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/apigateway_v1.py
    `_create_deployment`, `_handle_execute_in_scope`
https://github.com/aws/serverless-application-model/blob/develop/samtranslator/model/apigateway.py
    `make_auto_deployable`
https://github.com/ministackorg/ministack/blob/main/ministack/services/cloudformation/provisioners.py
    `_RESOURCE_HANDLERS`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import copy
import json
import time
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from samtranslator.model import apigateway

from local.emulator.patches.base import Untyped, module, replace

# What CloudFormation makes of a definition, beside the resource policy.
_IMPORTED = ("_resources", "_authorizers_v1", "_gateway_responses")
# What a definition consists of: its resource policy, its routes, and whom they ask for leave.
_PARTS = ("_rest_apis", "_resources", "_authorizers_v1")


@dataclass(frozen=True)
class _Deployment:
    """An API as it was deployed; its parts by the identity of the store they are kept in."""

    api_id: str
    parts: dict[int, Any]


_served: ContextVar[_Deployment | None] = ContextVar("latchkey_deployment", default=None)


class Seconds:
    """A clock whose seconds never come twice, though it may be asked twice in one."""

    def __init__(self) -> None:
        self._last = 0

    def time(self) -> int:
        """Return the seconds since 1970, or one more than last time."""
        self._last = max(int(time.time()), self._last + 1)
        return self._last


def apply() -> None:
    """Apply the patches of this module. Raises PatchError."""
    # AWS: an update takes longer than a second, and SAM names the deployment of each (`AlwaysDeploy`) by its
    # second. Here two may come in one: the second would make no deployment, and its API would stay as it was.
    apigateway.time = Seconds()
    _serve_what_was_deployed()


def _serve_what_was_deployed() -> None:
    """AWS: a stage serves its deployment, whatever became of the API's definition since.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/updating-api.html
    MiniStack serves the last definition. Raises PatchError.
    """
    gateway = module(
        "services.apigateway_v1",
        "_delete_rest_api",
        "_gateway_responses",
        "_import_rest_api",
        "_stages_v1",
        *_PARTS,
    )
    stores = [getattr(gateway, name) for name in _PARTS]
    for store in stores:
        store.__class__ = _as_deployed(type(store))
    deployed: dict[tuple[str, str], _Deployment] = {}

    def keep(original: Untyped) -> Untyped:
        def create(api_id: str, data: Untyped) -> Untyped:
            parts = {id(store): copy.deepcopy(store.get(api_id)) for store in stores}
            answer = original(api_id, data)
            if answer[0] == HTTPStatus.CREATED:
                deployed[api_id, json.loads(answer[2])["id"]] = _Deployment(api_id, parts)
            return answer

        return create

    def serve(original: Untyped) -> Untyped:
        async def execute(api_id: str, stage_name: str, *rest: Untyped) -> Untyped:
            stage = gateway._stages_v1.get(api_id, {}).get(stage_name) or {}
            token = _served.set(deployed.get((api_id, stage.get("deploymentId", ""))))
            try:
                return await original(api_id, stage_name, *rest)
            finally:
                _served.reset(token)

        return execute

    replace(gateway, "_create_deployment", keep)
    replace(gateway, "_handle_execute_in_scope", serve)
    _update_in_place(gateway)


def _update_in_place(gateway: Untyped) -> None:
    """AWS: CloudFormation gives an API its changed definition. MiniStack makes another API of it.

    The other API would need a deployment of its own, and so hide that none was made.
    """
    provisioners = module("services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]
    original = handlers["update"]

    def update(api_id: str, old: Untyped, new: Untyped, *rest: Untyped, **more: Untyped) -> Untyped:
        body = new.get("Body")
        if isinstance(body, dict) and body != old.get("Body"):
            made = gateway._import_rest_api(body, {"name": new.get("Name")})
            policy = gateway._rest_apis[made]["policy"]
            parts = {name: getattr(gateway, name)[made] for name in _IMPORTED}
            gateway._delete_rest_api(made)
            gateway._rest_apis[api_id]["policy"] = policy
            for name, part in parts.items():
                getattr(gateway, name)[api_id] = part
        # Whatever else changed.
        return original(api_id, {**old, "Body": body}, new, *rest, **more)

    handlers["update"] = update


def _as_deployed(kind: type) -> type:
    """Make of a store's type one that answers requests to a stage from its deployment."""

    class AsDeployed(kind):  # type: ignore[misc]  # MiniStack carries no types
        __slots__ = ()

        def get(self, key: str, default: object = None) -> object:
            return self._deployed(key) or super().get(key, default)

        def get_scoped(self, account: str, region: str, key: str, *default: object) -> object:
            return self._deployed(key) or super().get_scoped(account, region, key, *default)

        def _deployed(self, key: str) -> object:
            served = _served.get()
            return served.parts[id(self)] if served is not None and served.api_id == key else None

    return AsDeployed
