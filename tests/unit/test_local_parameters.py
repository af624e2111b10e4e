"""The local cloud's parameters tell of their policies as AWS does."""

import json

import pytest

from local.emulator.patches import parameters
from local.emulator.patches.base import module
from tests.unit.coroutines import result_of

EXPIRATION = {"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": "2030-01-01T00:00:00Z"}}


def test_policies_are_told_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    ssm = module("services.ssm")
    monkeypatch.setattr(ssm, "_put_parameter", ssm._put_parameter)  # noqa: SLF001  # what is replaced
    ssm.reset()
    parameters.apply()

    def ask(action: str, **parameters: object) -> dict[str, list[dict[str, object]]]:
        target = {"x-amz-target": f"AmazonSSM.{action}"}
        _, _, answer = result_of(ssm.handle_request("POST", "/", target, json.dumps(parameters).encode(), {}))
        found: dict[str, list[dict[str, object]]] = json.loads(answer)
        return found

    ask("PutParameter", Name="/a", Value="1", Type="String", Policies=json.dumps([EXPIRATION]))
    ask("PutParameter", Name="/b", Value="1", Type="String")
    first, second = ask("DescribeParameters")["Parameters"]
    told = {"PolicyText": json.dumps(EXPIRATION), "PolicyType": "Expiration", "PolicyStatus": "Pending"}
    assert (first["Policies"], second.get("Policies", [])) == ([told], [])
