"""What the quick tests stand on: no sockets, no credentials, and a simulated stack for those that ask."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

# Clients are made when their modules are imported, so all of this stands before any such import;
# no profile, endpoint or credentials of the developer's own may leak in.
os.environ.pop("AWS_PROFILE", None)
os.environ.pop("AWS_SESSION_TOKEN", None)
os.environ.pop("CLAIM_TTL_SECONDS", None)
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_CONFIG_FILE=os.devnull,
    AWS_DEFAULT_REGION="eu-central-1",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true",
    AWS_REGION="eu-central-1",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    ACCENT_COLOR="#17695c",
    ADMIN_ADDRESS="ops@example.com",
    ORGANIZATION_NAME="",
    SUPPORT_CONTACT="",
    BASE_URL="https://reset.example.com",
    CLAIM_KEY_ARN="arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-4333-8444-555555555555",
    CLAIM_TTL_MINUTES="60",
    CLAIMED_TTL_HOURS="24",
    DEFAULT_LANGUAGE="en",
    DIRECTORY_PASSWORD_URL="",
    DIRECTORY_SIGN_IN_HINT="Sign in to Windows, and choose a new password there.",
    DIRECTORY_SIGN_IN_URL="https://workspaces.example.com",
    FIND_DIRECTORY_USER="latchkey-test-find-directory-user",
    RESETS_DIRECTORY_USERS="false",
    REVOKE_DIRECTORY_PASSWORD="latchkey-test-revoke-directory-password",
    SET_DIRECTORY_PASSWORD="latchkey-test-set-directory-password",
    HELPDESK_GROUP="",
    REMINDER_RUNS_BUCKET="latchkey-test-reminder-runs",
    NOTIFY_DAYS="15,7,1",
    NOTIFY_AFTER_DAYS="0,3,7",
    NOTIFY_MANAGER_DAYS="",
    PASSWORDS_PATH="/latchkey/latchkey-test/passwords",
    PASSWORD_LENGTH="20",
    POWERTOOLS_METRICS_NAMESPACE="latchkey-test",
    POWERTOOLS_SERVICE_NAME="reset",
    PROXY_KEY_SHA256="",
    PUBLIC_BASE_URL="https://reset.example.com/people",
    PROTECTED_GROUPS="Administrators,Admins",
    PROTECTED_PATH_PREFIX="/admins/",
    REMINDER_TIME_ZONE="UTC",
    REQUEST_ACCESS="Public",
    REQUEST_PAGE="https://reset.example.com/generate",
    REGISTRY_TABLE="latchkey-test-registry",
    REQUEST_WINDOW_MINUTES="15",
    SEND_RATE="0",
    ROTATION_DAYS="30",
    SENDER_ADDRESS="accounts@example.com",
    IDEMPOTENCY_TABLE="latchkey-test-sent",
    USER_POOL_CLIENT_ID="",
    USER_POOL_DOMAIN="",
    SMTP_HOST="email-smtp.eu-central-1.amazonaws.com",
    SMTP_PORT="587",
    SMTP_SECRET="latchkey-test/smtp",
    SMTP_USER="latchkey-test-smtp",
    SIGN_IN_URL="https://123456789012.signin.aws.amazon.com/console",
)

import moto.backends
import moto.core.models
import moto.core.responses
import moto.kms.models
import pytest
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.signers import RequestSigner
from botocore.useragent import UserAgentString
from hypothesis import settings
from moto import mock_aws
from moto.core.model import Shape
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.serialize import ResponseSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import dynamodb_backends
from moto.sesv2.models import sesv2_backends
from moto.stepfunctions.models import stepfunctions_backends

from latchkey.observability import logger
from tests.unit.smtp import Smtp
from tests.unit.stack import KMS, Stack

# The machine may be busy; the whole layer's time is what counts.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.disable_socket)


@pytest.fixture(scope="module", autouse=True)
def _elsewhere() -> Iterator[None]:
    """Let the machine be in central Australia: what mistakes its time for UTC is wrong by half hours there.

    Spelled as POSIX does, since not every machine has names of time zones.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", "ACST-9:30ACDT,M10.1.0,M4.1.0/3")
        time.tzset()
        assert time.timezone == -(9 * 60 + 30) * 60
        yield
    time.tzset()


def prepare_stack() -> str:
    """Make the sender, the registry and the reset state machine; return the latter's ARN.

    Straight in the simulations: by way of the clients it takes longer than most tests.
    """
    account, region = DEFAULT_ACCOUNT_ID, os.environ["AWS_DEFAULT_REGION"]
    sesv2_backends[account][region].create_email_identity(os.environ["SENDER_ADDRESS"], None, None, None)
    dynamodb_backends[account][region].create_table(
        os.environ["REGISTRY_TABLE"],
        schema=[{"AttributeName": "id", "KeyType": "HASH"}],
        attr=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "queue", "AttributeType": "S"},
            {"AttributeName": "due_at", "AttributeType": "N"},
        ],
        global_indexes=[
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "queue", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        billing_mode="PAY_PER_REQUEST",
        throughput=None,
        indexes=None,
        streams=None,
        sse_specification=None,
        tags=[],
        deletion_protection_enabled=False,
        warm_throughput=None,
    )
    machine = stepfunctions_backends[account][region].create_state_machine(
        name="latchkey-test-reset",
        definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/reset",
    )
    return machine.arn


_backend: Callable[..., Any] = cache(moto.backends._import_backend)  # noqa: SLF001
_method_names = cache(method_names_from_class)
#: What moto reads of a signature: by whom, and where.
_CALLER = f"AWS4-HMAC-SHA256 Credential=testing/20260301/{os.environ['AWS_REGION']}/any/aws4_request"


def shorten_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes a good part of a simulated call's time, while no answer depends on it.

    S3 alone wants its requests signed: moto tells strangers apart there, and what is signed has another form.
    """
    sign = RequestSigner.sign

    def name_caller(signer: RequestSigner, operation: str, request: AWSRequest) -> None:
        if signer.signing_name == "s3":
            sign(signer, operation, request)
        else:
            request.headers["Authorization"] = _CALLER

    get_value = ResponseSerializer.get_value

    def pick(serializer: ResponseSerializer, value: object, key: str, shape: Shape) -> object:
        # An attribute has one of ten members, and moto looks for each of the others by several names.
        if isinstance(value, dict) and serializer.operation_model.service_model.service_name == "dynamodb":
            return value.get(key)
        return get_value(serializer, value, key, shape)

    monkeypatch.setattr(ResponseSerializer, "get_value", pick)
    # For calls by `requests`, which no test makes: moto prepares more than a thousand answers each time.
    monkeypatch.setattr(moto.core.models, "RESPONSES_METHODS", [])
    monkeypatch.setattr(moto.core.responses, "method_names_from_class", _method_names)
    monkeypatch.setattr(moto.backends, "_import_backend", _backend)
    monkeypatch.setattr(RequestSigner, "sign", name_caller)
    monkeypatch.setattr(UserAgentString, "to_string", lambda _: "tests")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Return a stack with a sender and a reset state machine, but no users yet."""
    shorten_calls(monkeypatch)
    with mock_aws():
        monkeypatch.setenv("RESET_STATE_MACHINE_ARN", prepare_stack())
        stack = Stack()

        def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> object:
            return stack.call(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)
        yield stack


@pytest.fixture
def smtp(stack: Stack) -> Smtp:
    """Return the SMTP user and the secret as a new stack has them: without keys, and empty."""
    return Smtp(stack)


@pytest.fixture
def sealing_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Return the stack with a key that really encrypts."""
    # moto makes an RSA key for symmetric ones too, which takes longer than any test here.
    monkeypatch.setattr(moto.kms.models, "generate_private_key", lambda _spec: None)
    monkeypatch.setenv("CLAIM_KEY_ARN", KMS.create_key()["KeyMetadata"]["Arn"])
    return stack


class PresentStdout:
    """Writes to the present standard output: the logger keeps the one it was made with."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture
def lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], list[dict[str, Any]]]:
    """Return what gives the lines logged so far; each one is JSON."""
    monkeypatch.setattr(logger.registered_handler, "stream", PresentStdout())
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
