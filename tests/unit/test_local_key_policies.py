"""A service uses a key for a caller of the local cloud only where the key's policy lets the caller."""

import json
from typing import Any

import pytest

from local.emulator.patches import key_policies
from local.emulator.patches.base import module
from tests.unit.callers import ACCOUNT, REGION, ROLE, make_caller, may, patch_permissions
from tests.unit.coroutines import result_of

PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/latchkey/claim"


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patch MiniStack's IAM for one test; its one role may do everything as far as IAM is asked."""
    patch_permissions(monkeypatch)
    for name in ("kms", "ssm", "secretsmanager", "s3", "dynamodb"):
        module(f"services.{name}").reset()
    key_policies.apply()
    make_caller({"Effect": "Allow", "Action": "*", "Resource": "*"})


def ask(
    service: str, action: str, method: str = "POST", path: str = "/", **request: object
) -> dict[str, Any]:
    """Make a call as the account's owner."""
    headers, body = {"x-amz-target": f"{service}.{action}"}, json.dumps(request).encode()
    answer = result_of(module(f"services.{service}").handle_request(method, path, headers, body, {}))[2]
    found: dict[str, Any] = json.loads(answer) if answer and service != "s3" else {}
    return found


def key(*statements: dict[str, Any]) -> str:
    """Make a key with a policy of statements about the role; return its ARN."""
    policy = [{"Effect": "Allow", "Resource": "*", "Principal": {"AWS": ROLE}, **each} for each in statements]
    made = ask("kms", "CreateKey", Policy=json.dumps({"Version": "2012-10-17", "Statement": policy}))
    return str(made["KeyMetadata"]["Arn"])


def stored_with(service: str, key_arn: str) -> None:
    """Let a service keep something that a key encrypts."""
    match service:
        case "ssm":
            claim = {"Name": "/latchkey/claim", "Value": "-", "Type": "SecureString", "KeyId": key_arn}
            ask("ssm", "PutParameter", **claim)
        case "secretsmanager":
            ask("secretsmanager", "CreateSecret", Name="smtp", SecretString="-", KmsKeyId=key_arn)
        case "dynamodb":
            ask(
                "dynamodb",
                "CreateTable",
                TableName="registry",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key_arn},
            )
        case "s3":
            module("services.s3")._bucket_encryption["lists"] = (  # noqa: SLF001  # its XML is long
                f"<R><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{key_arn}</KMSMasterKeyID></R>"
            )


READS: dict[str, dict[str, Any]] = {
    "ssm": {"action": "GetParameters", "Names": ["/latchkey/claim"], "WithDecryption": True},
    "secretsmanager": {"action": "GetSecretValue", "SecretId": "smtp"},
    "dynamodb": {"action": "GetItem", "TableName": "registry", "Key": {"id": {"S": "a"}}},
    "s3": {"action": "GetObject", "method": "GET", "path": "/lists/iam.jsonl"},
}
DECRYPT = {"Action": "kms:Decrypt"}


@pytest.mark.parametrize("service", READS)
def test_reading_needs_the_consent_of_the_key(service: str) -> None:
    stored_with(service, key({"Action": "kms:Encrypt"}))
    assert not may(service, **READS[service])


@pytest.mark.parametrize("service", READS)
def test_reading_with_the_keys_consent_is_let_through(service: str) -> None:
    stored_with(service, key(DECRYPT))
    assert may(service, **READS[service])


@pytest.mark.parametrize("service", READS)
def test_the_consent_may_be_for_one_service_only(service: str) -> None:
    def via(name: str) -> dict[str, Any]:
        condition = {"StringEquals": {"kms:ViaService": f"{name}.{REGION}.amazonaws.com"}}
        return DECRYPT | {"Condition": condition}

    stored_with(service, key(via(service)))
    assert may(service, **READS[service])
    module(f"services.{service}").reset()
    stored_with(service, key(via("sqs")))
    assert not may(service, **READS[service])


@pytest.mark.parametrize(
    ("service", "request_", "needed"),
    [
        ("ssm", {"Tier": "Standard"}, "kms:Encrypt"),
        ("ssm", {"Tier": "Advanced"}, "kms:GenerateDataKey"),
        ("secretsmanager", {}, ["kms:GenerateDataKey", "kms:Decrypt"]),
        ("s3", {}, "kms:GenerateDataKey"),
    ],
)
def test_writing_needs_its_own_right(service: str, request_: dict[str, Any], needed: object) -> None:
    def write(key_arn: str) -> bool:
        stored_with(service, key_arn)
        match service:
            case "ssm":
                claim = {"Name": "/latchkey/claim", "Type": "SecureString", "KeyId": key_arn}
                return may("ssm", "PutParameter", **claim, **request_)
            case "s3":
                return may("s3", "PutObject", "PUT", "/lists/iam.jsonl")
        return may("secretsmanager", "PutSecretValue", SecretId="smtp")

    assert write(key({"Action": needed}))
    module(f"services.{service}").reset()
    assert not write(key({"Action": "kms:DescribeKey"}))


def test_the_consent_may_be_for_one_parameter_only() -> None:
    condition = {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": f"{PARAMETER}s"}}
    stored_with("ssm", key(DECRYPT | {"Condition": condition}))
    assert not may("ssm", **READS["ssm"])


def test_what_is_read_sealed_or_below_another_path_needs_no_key() -> None:
    stored_with("ssm", key({"Action": "kms:Encrypt"}))
    assert may("ssm", "GetParameters", Names=["/latchkey/claim"])
    assert may("ssm", "GetParametersByPath", Path="/latch", Recursive=True, WithDecryption=True)
    assert not may("ssm", "GetParametersByPath", Path="/latchkey", WithDecryption=True)


def test_those_who_call_kms_meet_its_conditions() -> None:
    sealed_for = {"StringEquals": {"kms:EncryptionContext:execution": "one"}}
    arn = key(DECRYPT | {"Condition": sealed_for})
    assert may("kms", "Decrypt", KeyId=arn, EncryptionContext={"execution": "one"})
    assert not may("kms", "Decrypt", KeyId=arn, EncryptionContext={"execution": "two"})
    assert not may("kms", "Decrypt", KeyId=arn)
