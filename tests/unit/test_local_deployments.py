"""What a stage of the local cloud serves: the definition as it was deployed."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from samtranslator.model import apigateway as sam

from local.emulator.patches import deployments
from local.emulator.patches.base import module
from tests.unit.coroutines import result_of

STAGE = "prod"
REST_API = "AWS::ApiGateway::RestApi"
DENY = {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
CLOSED = json.dumps({"Version": "2012-10-17", "Statement": [DENY]})


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return MiniStack's API Gateway, patched for one test."""
    service = module("services.apigateway_v1")
    handlers = module("services.cloudformation.provisioners")._RESOURCE_HANDLERS  # noqa: SLF001  # as below
    monkeypatch.setitem(handlers, REST_API, {**handlers[REST_API]})
    for name in ("_create_deployment", "_handle_execute_in_scope"):
        monkeypatch.setattr(service, name, getattr(service, name))
    stores = [getattr(service, name) for name in ("_rest_apis", "_resources", "_authorizers_v1")]
    kinds = [type(store) for store in stores]
    monkeypatch.setattr(module("app"), "AUTH", True)
    monkeypatch.setattr(sam, "time", sam.time)
    service.reset()
    deployments.apply()
    yield service
    for store, kind in zip(stores, kinds, strict=True):
        store.__class__ = kind


def definition(path: str) -> dict[str, Any]:
    mock = {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {"default": {"statusCode": "200"}},
    }
    method = {"responses": {"200": {}}, "x-amazon-apigateway-integration": mock}
    return {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1"},
        "paths": {path: {"get": method}},
    }


def ask(gateway: Any, method: str, path: str, body: object = None) -> dict[str, Any]:  # noqa: ANN401
    status, _, found = result_of(
        gateway.handle_request(method, path, {}, json.dumps(body or {}).encode(), {})
    )
    assert status in (200, 201), found
    answer: dict[str, Any] = json.loads(found)
    return answer


def status_of(gateway: Any, api_id: str, path: str) -> int:  # noqa: ANN401  # as above
    status, _, _ = result_of(gateway.handle_execute(api_id, STAGE, "GET", path, {}, b"", {}))
    return int(status)


def remove_route(gateway: Any, api_id: str) -> None:  # noqa: ANN401  # as above
    routes = ask(gateway, "GET", f"/restapis/{api_id}/resources")["item"]
    (route,) = (each["id"] for each in routes if each["path"] == "/a")
    result_of(gateway.handle_request("DELETE", f"/restapis/{api_id}/resources/{route}", {}, b"", {}))


def close(gateway: Any, api_id: str) -> None:  # noqa: ANN401  # as above
    change = {"op": "replace", "path": "/policy", "value": CLOSED}
    ask(gateway, "PATCH", f"/restapis/{api_id}", {"patchOperations": [change]})


def update_stack(_gateway: Any, api_id: str) -> None:  # noqa: ANN401  # as above
    """Let CloudFormation update the API, and make no new deployment."""
    old, new = ({"Body": definition(path)} for path in ("/a", "/b"))
    handlers = module("services.cloudformation.provisioners")._RESOURCE_HANDLERS  # noqa: SLF001  # it has no other way in
    updated, _ = handlers[REST_API]["update"](api_id, old, new, "stack", logical_id="Api")
    assert updated == api_id


@pytest.mark.parametrize("change", [remove_route, close, update_stack])
def test_a_changed_definition_is_served_once_it_is_deployed(
    gateway: Any,  # noqa: ANN401  # as above
    change: Callable[[Any, str], None],
) -> None:
    api_id = gateway._import_rest_api(definition("/a"))  # noqa: SLF001  # CloudFormation does so
    ask(gateway, "POST", f"/restapis/{api_id}/deployments", {"stageName": STAGE})
    assert status_of(gateway, api_id, "/a") == 200
    change(gateway, api_id)
    assert status_of(gateway, api_id, "/a") == 200
    ask(gateway, "POST", f"/restapis/{api_id}/deployments", {"stageName": STAGE})
    assert status_of(gateway, api_id, "/a") == 403


def test_two_updates_in_one_second_make_two_deployments(gateway: Any) -> None:  # noqa: ANN401, ARG001  # patched
    names = set()
    for _ in range(3):
        stage = sam.ApiGatewayStage("Stage")
        deployment = sam.ApiGatewayDeployment("Deployment")
        deployment.make_auto_deployable(stage, swagger={"openapi": "3.0.1"}, always_deploy=True)
        names.add(deployment.logical_id)
    assert len(names) == 3
