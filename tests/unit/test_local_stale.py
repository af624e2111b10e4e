"""Reads of the local cloud that answer as before a write, where a test wants that."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from local.emulator.faults import Faults, fault_from
from local.emulator.patches import stale
from local.emulator.patches.base import module
from tests.unit.coroutines import result_of

NAME = "/latchkey/lock"

type Call = Callable[..., Any]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Return the faults that MiniStack's services, patched for one test, meet."""
    for name in ("iam", "secretsmanager", "ssm"):
        service = module(f"services.{name}", "handle_request")
        monkeypatch.setattr(service, "handle_request", service.handle_request)
        service.reset()
    faults = Faults()
    stale.apply(faults)
    return faults


def call(service: str, action: str, **arguments: object) -> dict[str, Any]:
    headers = {"x-amz-target": f"{service}.{action}", "authorization": f"AWS4 Credential=t/1/r/{service}/x"}
    handle = module(f"services.{service}").handle_request
    _, _, body = result_of(handle("POST", "/", headers, json.dumps(arguments).encode(), {}))
    answer: dict[str, Any] = json.loads(body)
    return answer


def put(value: str) -> None:
    call("ssm", "PutParameter", Name=NAME, Value=value, Type="String", Overwrite=True)


def get() -> list[str]:
    found = call("ssm", "GetParameters", Names=[NAME])["Parameters"]
    return [parameter["Value"] for parameter in found]


def be_stale(faults: Faults, service: str, action: str, **more: object) -> None:
    faults.add(fault_from({"service": service, "action": action, "stale": True, **more}))


def test_so_many_reads_answer_as_before_the_first_write(faults: Faults) -> None:
    put("first")
    be_stale(faults, "ssm", "GetParameters", times=2, after=1)
    put("second")
    put("third")
    assert [get() for _ in range(4)] == [["third"], ["first"], ["first"], ["third"]]
    assert [fault["hits"] for fault in faults.as_json()] == [2]


def test_what_is_not_there_yet_and_what_is_still_there(faults: Faults) -> None:
    be_stale(faults, "ssm", "GetParameters", times=1)
    put("first")
    assert [get(), get()] == [[], ["first"]]
    be_stale(faults, "ssm", "GetParameters", times=1)
    call("ssm", "DeleteParameters", Names=[NAME])
    assert [get(), get()] == [["first"], []]


def test_no_read_is_stale_before_a_write(faults: Faults) -> None:
    put("first")
    be_stale(faults, "ssm", "GetParameters")
    assert get() == ["first"]


def test_other_reads_are_not_stale(faults: Faults) -> None:
    be_stale(faults, "ssm", "GetParameters", match="/another")
    be_stale(faults, "ssm", "GetParameter")
    put("first")
    assert get() == ["first"]


def test_what_a_stale_read_does_not_see_is_not_lost(faults: Faults) -> None:
    be_stale(faults, "ssm", "GetParameters", times=1)
    put("first")
    get()
    assert call("ssm", "GetParameter", Name=NAME)["Parameter"]["Value"] == "first"


def test_secrets_and_access_keys_are_stale_too(faults: Faults) -> None:
    call("secretsmanager", "CreateSecret", Name="smtp", SecretString="old")
    be_stale(faults, "secretsmanager", "GetSecretValue")
    call("secretsmanager", "PutSecretValue", SecretId="smtp", SecretString="new")
    assert call("secretsmanager", "GetSecretValue", SecretId="smtp")["SecretString"] == "old"
    assert call("secretsmanager", "GetSecretValue", SecretId="smtp")["SecretString"] == "new"

    def iam(action: str) -> bytes:
        form = {"content-type": "application/x-www-form-urlencoded"}
        body = urlencode({"Action": action, "Version": "2010-05-08", "UserName": "smtp"}).encode()
        signed = form | {"authorization": "AWS4 Credential=t/1/r/iam/x"}
        answer: bytes = result_of(module("services.iam").handle_request("POST", "/", signed, body, {}))[2]
        return answer

    iam("CreateUser")
    be_stale(faults, "iam", "ListAccessKeys")
    iam("CreateAccessKey")
    assert b"<AccessKeyId>" not in iam("ListAccessKeys")
    assert b"<AccessKeyId>" in iam("ListAccessKeys")
