"""IAM and Secrets Manager: what a rotation of access keys relies on.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/iam.py
    `_create_access_key`
https://github.com/ministackorg/ministack/blob/main/ministack/services/secretsmanager.py
    `_put_secret_value`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from local.emulator.patches.base import Untyped, module, replace

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS_ALLOWED = 2
_PENDING = "AWSPENDING"


def apply() -> None:
    """Apply the patches of this module. Raises PatchError."""
    _limit_access_keys()
    _put_each_version_once()


def _limit_access_keys() -> None:
    """AWS: a user has two access keys at most. MiniStack makes any number."""
    iam = module("services.iam", "_IAM_HANDLERS", "_access_keys", "_error")

    def wrap(original: Untyped) -> Untyped:
        def create(params: Mapping[str, list[str]]) -> Untyped:
            user = params.get("UserName", [""])[0]
            owned = [key for key in iam._access_keys.values() if key["UserName"] == user]
            if len(owned) >= _KEYS_ALLOWED:
                message = f"Cannot exceed quota for AccessKeysPerUser: {_KEYS_ALLOWED}"
                return iam._error(HTTPStatus.CONFLICT, "LimitExceeded", message, ns="iam")
            return original(params)

        return create

    replace(iam, "_create_access_key", wrap)
    iam._IAM_HANDLERS["CreateAccessKey"] = iam._create_access_key


def _put_each_version_once() -> None:
    """AWS: a version is never overwritten, a put with the same token and value is done already, and a label
    is on one version at a time. MiniStack overwrites, and labels one more.
    """  # noqa: D205  # one sentence about each
    secrets = module("services.secretsmanager", "_resolve", "_remove_stage_everywhere", "error_response_json")

    def wrap(original: Untyped) -> Untyped:
        def put(data: dict[str, Any]) -> Untyped:
            _, secret = secrets._resolve(data.get("SecretId"))
            token = data.get("ClientRequestToken")
            present = secret["Versions"].get(token) if secret else None
            if present and present["SecretString"] != data.get("SecretString"):
                message = "You can't use ClientRequestToken again for another value."
                return secrets.error_response_json("ResourceExistsException", message, HTTPStatus.BAD_REQUEST)
            response = original(data)
            if secret and _PENDING in data.get("VersionStages", []):
                secrets._remove_stage_everywhere(secret, _PENDING, except_version_id=token)
            return response

        return put

    replace(secrets, "_put_secret_value", wrap)
