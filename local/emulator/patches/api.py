"""API Gateway: what it reads of an OpenAPI definition, and what a user pool's claims look like.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/apigateway_v1.py
    `_import_rest_api`, `_stringify_claims`, `_authorize_request_v1`
https://github.com/ministackorg/ministack/blob/main/ministack/services/cloudformation/provisioners.py
    `_apigw_method_settings`
https://github.com/ministackorg/ministack/issues/928
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json
from typing import Any

from local.emulator.patches.base import Untyped, module, replace

_COGNITO = "COGNITO_USER_POOLS"


def apply() -> None:
    """Apply the patches of this module. Raises PatchError."""
    gateway = module("services.apigateway_v1", "_anonymous_policy_error", "_put_gateway_response")
    _read_extensions(gateway)
    _join_lists_in_claims(gateway)
    _apply_policies_beside_user_pools(gateway)
    _decode_paths_of_method_settings()


def _read_extensions(gateway: Untyped) -> None:
    """AWS: a definition may hold a resource policy and gateway responses. MiniStack drops both."""

    def wrap(original: Untyped) -> Untyped:
        def read(spec: dict[str, Any], base: dict[str, Any] | None = None) -> Untyped:
            data = dict(base or {})
            policy = spec.get("x-amazon-apigateway-policy")
            if policy:
                data["policy"] = json.dumps(policy)
            api = original(spec, data)
            for kind, response in (spec.get("x-amazon-apigateway-gateway-responses") or {}).items():
                gateway._put_gateway_response(api, kind, response)
            return api

        return read

    replace(gateway, "_import_rest_api", wrap)


def _join_lists_in_claims(gateway: Untyped) -> None:
    """AWS: a REST API joins a claim's list by commas. MiniStack writes `[one two]`, as HTTP APIs do."""

    def wrap(original: Untyped) -> Untyped:
        def stringify(claims: dict[str, Any] | None) -> Untyped:
            return original(joined(claims or {}))

        return stringify

    replace(gateway, "_stringify_claims", wrap)


def joined(claims: dict[str, Any]) -> dict[str, Any]:
    """Write the lists among a token's claims as text."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in claims.items()
    }


def _apply_policies_beside_user_pools(gateway: Untyped) -> None:
    """AWS: a caller the user pool authorizer let in also needs an Allow of the resource policy, if any.

    MiniStack does not look at it then.
    """

    def wrap(original: Untyped) -> Untyped:
        async def authorize(api: str, stage: str, definition: Untyped, *rest: Untyped) -> Untyped:
            error, context = await original(api, stage, definition, *rest)
            if error is None and definition.get("authorizationType") == _COGNITO:
                method, path = rest[0], rest[1]
                error = gateway._anonymous_policy_error(api, stage, method, path, *rest[-2:])
            return error, context

        return authorize

    replace(gateway, "_authorize_request_v1", wrap)


def _decode_paths_of_method_settings() -> None:
    """AWS: a method setting writes `/generate` as `/~1generate`. MiniStack finds no such route."""

    def wrap(original: Untyped) -> Untyped:
        def read(settings: Untyped) -> Untyped:
            return {decoded_path(key): value for key, value in original(settings).items()}

        return read

    replace(module("services.cloudformation.provisioners"), "_apigw_method_settings", wrap)


def decoded_path(key: str) -> str:
    """Decode the path in a method setting's key: `/~1a~1b/GET` is that of `/a/b`."""
    path, _, method = key.rpartition("/")
    return f"{path.removeprefix('/').replace('~1', '/')}/{method}" if "~1" in path else key
