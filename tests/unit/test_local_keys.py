"""The local cloud's access keys and secret versions, as a rotation relies on them."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from local.emulator.patches import keys
from local.emulator.patches.base import module
from tests.unit.coroutines import result_of


@pytest.fixture(autouse=True)
def _patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patch MiniStack's IAM and Secrets Manager for one test."""
    iam, secrets = module("services.iam"), module("services.secretsmanager")
    monkeypatch.setattr(iam, "_create_access_key", iam._create_access_key)  # noqa: SLF001  # what is replaced
    monkeypatch.setattr(iam, "_IAM_HANDLERS", dict(iam._IAM_HANDLERS))  # noqa: SLF001  # as above
    monkeypatch.setattr(secrets, "_put_secret_value", secrets._put_secret_value)  # noqa: SLF001  # as above
    iam.reset()
    secrets.reset()
    keys.apply()


def iam(action: str, **parameters: str) -> tuple[int, str]:
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = urlencode({"Action": action, **parameters}).encode()
    status, _, answer = result_of(module("services.iam").handle_request("POST", "/", form, body, {}))
    return status, answer.decode() if isinstance(answer, bytes) else answer


def secret(action: str, **parameters: object) -> tuple[int, dict[str, Any]]:
    target = {"x-amz-target": f"secretsmanager.{action}"}
    body = json.dumps({"SecretId": "smtp", **parameters}).encode()
    status, _, answer = result_of(
        module("services.secretsmanager").handle_request("POST", "/", target, body, {})
    )
    return status, json.loads(answer)


def test_a_user_has_two_access_keys_at_most() -> None:
    iam("CreateUser", UserName="smtp")
    assert [iam("CreateAccessKey", UserName="smtp")[0] for _ in range(3)] == [200, 200, 409]
    assert "LimitExceeded" in iam("CreateAccessKey", UserName="smtp")[1]


def test_a_version_is_never_overwritten() -> None:
    secret("CreateSecret", Name="smtp", SecretString="{}")
    token = "1" * 32
    assert secret("PutSecretValue", ClientRequestToken=token, SecretString="a")[0] == 200
    assert secret("PutSecretValue", ClientRequestToken=token, SecretString="a")[0] == 200
    status, refusal = secret("PutSecretValue", ClientRequestToken=token, SecretString="b")
    assert (status, refusal["__type"]) == (400, "ResourceExistsException")
    assert secret("GetSecretValue", VersionId=token)[1]["SecretString"] == "a"


def test_a_label_is_on_one_version_at_a_time() -> None:
    secret("CreateSecret", Name="smtp", SecretString="{}")
    for digit in "12":
        secret(
            "PutSecretValue", ClientRequestToken=digit * 32, SecretString=digit, VersionStages=["AWSPENDING"]
        )
    listed = secret("ListSecretVersionIds")[1]["Versions"]
    pending = [each["VersionId"] for each in listed if "AWSPENDING" in each.get("VersionStages", [])]
    assert pending == ["2" * 32]
