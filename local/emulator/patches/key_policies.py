"""KMS: keys that a service uses in its caller's name.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/core/iam_actions.py
    `extract_resource_arn`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.emulator.patches.base import Untyped, module, replace
from local.emulator.patches.permissions import Checked, KeyUse, json_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENCRYPT, _DECRYPT, _DATA_KEY = "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"


def apply() -> None:
    """AWS: a caller for whom a service uses a key needs leave by the key's policy, for that service.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    MiniStack asks a key's policy only about those who call KMS themselves, and knows no condition of KMS.
    Raises PatchError.
    """
    module("services.ssm", "_parameters")
    module("services.secretsmanager", "_resolve")
    module("services.s3", "_bucket_default_sse_headers")
    module("services.dynamodb", "_tables")
    module("services.kms", "_resolve_key")

    def wrap(original: Untyped) -> Untyped:
        def extract(
            service: str, method: str, path: str, headers: Untyped, body: bytes, *rest: Untyped
        ) -> Checked:
            named = original(service, method, path, headers, body, *rest)
            resource = named if isinstance(named, Checked) else Checked([named])
            if service == "s3":
                return resource.using(uses_in_s3(method, resource))
            request = json_of(body)
            if service == "kms":
                return Checked([resource], _conditions(request.get("EncryptionContext") or {}))
            action = str(headers.get("x-amz-target", "")).rpartition(".")[2]
            return resource.using(uses_of(service, action, request))

        return extract

    replace(module("core.iam_actions"), "extract_resource_arn", wrap)


def uses_of(service: str, action: str, request: dict[str, Any]) -> Iterable[KeyUse]:
    """Name the uses of keys by which a service answers a request, but for S3's."""
    match service, action, request:
        case "ssm", "PutParameter", {"Type": "SecureString", "KeyId": key, "Name": name}:
            # https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html
            needed = _DATA_KEY if request.get("Tier") == "Advanced" else _ENCRYPT
            yield from _uses("ssm", needed, key, {"PARAMETER_ARN": _parameter_arn(name)})
        case "ssm", _, {"WithDecryption": True}:
            for name, record in _parameters(request):
                if record["Type"] == "SecureString":
                    context = {"PARAMETER_ARN": _parameter_arn(name)}
                    yield from _uses("ssm", _DECRYPT, record["KeyId"], context)
        case "secretsmanager", ("GetSecretValue" | "PutSecretValue" | "UpdateSecret"), {
            "SecretId": secret_id
        }:
            _, secret = module("services.secretsmanager")._resolve(secret_id)
            needed_for = {"GetSecretValue": (_DECRYPT,)}.get(action, (_DATA_KEY, _DECRYPT))
            for needed in needed_for if secret and secret.get("KmsKeyId") else ():
                yield from _uses(service, needed, secret["KmsKeyId"], {"SecretARN": secret["ARN"]})
        case "dynamodb", _, {"TableName": str(table)}:
            kept = module("services.dynamodb")._tables.get(table.rpartition("/")[2]) or {}
            key = (kept.get("SSEDescription") or {}).get("KMSMasterKeyArn")
            if key:
                yield from _uses(service, _DECRYPT, key, {"aws:dynamodb:tableName": kept["TableName"]})


def uses_in_s3(method: str, object_arn: str) -> Iterable[KeyUse]:
    """Name the uses of a bucket's own key by which S3 reads or writes an object."""
    bucket, _, name = object_arn.removeprefix("arn:aws:s3:::").partition("/")
    headers = module("services.s3")._bucket_default_sse_headers(bucket)
    key = headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    needed = {"GET": _DECRYPT, "PUT": _DATA_KEY, "POST": _DATA_KEY}.get(method)
    if key and needed and name:
        yield from _uses("s3", needed, key, {"aws:s3:arn": f"arn:aws:s3:::{bucket}"})


def _uses(service: str, action: str, key: str, context: dict[str, str]) -> Iterable[KeyUse]:
    """Name one use, unless the key is one of AWS's own, which serves the whole account."""
    kms = module("services.kms")
    found = kms._resolve_key(key)
    if found:
        via = {"kms:ViaService": f"{service}.{kms.get_region()}.amazonaws.com"}
        yield KeyUse(action, found["Arn"], via | _conditions(context))


def _conditions(encryption_context: dict[str, str]) -> dict[str, str]:
    """Return the condition keys of a use of a key, for any caller."""
    named = {f"kms:EncryptionContext:{name}": value for name, value in encryption_context.items()}
    return {"kms:CallerAccount": module("services.kms").get_account_id(), **named}


def _parameter_arn(name: str) -> str:
    kms = module("services.kms")
    return f"arn:aws:ssm:{kms.get_region()}:{kms.get_account_id()}:parameter/{name.lstrip('/')}"


def _parameters(request: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Find the parameters that a request reads."""
    stored = module("services.ssm")._parameters
    folder = f"{str(request.get('Path', '')).rstrip('/')}/"
    named = {request.get("Name"), *request.get("Names", [])}
    return [
        (name, record)
        for name, record in stored.items()
        if name in named or ("Path" in request and name.startswith(folder))
    ]
