"""A stack as the functions see it: simulated AWS services, faults on demand, and a record of every call."""

import json
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.models import User, iam_backends

from latchkey.adapters import kms, registry, ssm, table
from latchkey.adapters.kms import Secrets
from latchkey.domain.action_links import ActionLink, LinkKind
from latchkey.domain.claims import Handle, hash_link_secret, item_id, user_key
from latchkey.domain.resets import Item, Phase, Reset
from latchkey.errors import AccessDeniedError, ServiceUnavailableError, ThrottledError
from tests.unit.mailbox import Mail
from tests.unit.runtime_sdk import check_call

ALICE = "alice@example.com"
SENDER = os.environ["SENDER_ADDRESS"]
CLAIM_KEY = os.environ["CLAIM_KEY_ARN"]
EXECUTION = "ff8d9819fc0e12bf0d24892e45987e24-5a2f0c1e9b7d43868c1f2e3d4b5a6978"
NO_TAGS: Mapping[str, str] = MappingProxyType({})
PASSWORD = "PlantedPassword-9"
OLD_PASSWORD = "OldPassword-1"
TASK_TOKEN = "task-token"
LINK_SECRET = "PlantedLinkSecret-0123456789-0123456789-abc"
# The functions' own entry points look at the clock.
NOW = datetime.now(UTC).replace(microsecond=0)
EXPIRY = NOW + timedelta(hours=1)
REQUEST_WINDOW = timedelta(minutes=15)
HANDLE = Handle.of(ALICE, EXECUTION, EXPIRY)

# Made once: making a client takes longer than most tests.
DYNAMODB = boto3.client("dynamodb")
IAM = boto3.client("iam")
KMS = boto3.client("kms")
SES = boto3.client("sesv2")
SFN = boto3.client("stepfunctions")
SSM = boto3.client("ssm")

#: What Step Functions answers about a token whose task waits no longer.
TASK_OVER = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
#: How Step Functions refuses any call, and what that means.
SFN_REFUSALS = (
    ("ThrottlingException", 400, ThrottledError),
    ("AccessDeniedException", 400, AccessDeniedError),
    ("InternalFailure", 500, ServiceUnavailableError),
)

#: An account out of the sandbox in which nothing is wrong.
SES_ACCOUNT: Mapping[str, Any] = MappingProxyType(
    {
        "SendingEnabled": True,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": True,
        "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 3.0},
        "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
    }
)

_EVENTS = Path(__file__).parents[2] / "events"


def load_event(name: str) -> dict[str, Any]:
    """Return `events/NAME.json`."""
    event: dict[str, Any] = json.loads((_EVENTS / f"{name}.json").read_text("utf-8"))
    return event


@dataclass(frozen=True)
class LambdaContext:
    """What Lambda passes beside the event, as far as anything reads it."""

    function_name: str = "latchkey-test"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:latchkey-test"
    aws_request_id: str = "11111111-2222-4333-8444-555555555555"
    milliseconds: int = 300_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


CONTEXT = LambdaContext()


@dataclass(frozen=True)
class _Payload:
    """What a function returned, to be read as often as wanted."""

    content: bytes

    def read(self) -> bytes:
        return self.content


def client_error(code: str, status: int = 400, operation: str = "Operation") -> ClientError:
    """Return the error botocore makes of an answer with that code."""
    answer: Any = {
        "Error": {"Code": code, "Message": "said by AWS"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, operation)


#: What a call gets, the same each time or by what it sends.
type Answer = Mapping[str, Any] | Exception | Callable[[dict[str, Any]], Mapping[str, Any]]


class Stack:
    """The simulated services; `call` stands between every client and them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._faults: dict[str, deque[Exception | None]] = {}
        self._answers: dict[str, Answer] = {}
        # What the simulation has not, or does not say.
        self.answer("GetEmailIdentity", {"VerifiedForSendingStatus": True})
        self.answer("GetAccount", SES_ACCOUNT)
        self.answer("SimulatePrincipalPolicy", {"EvaluationResults": [{"EvalDecision": "allowed"}]})
        self.answer("GetSuppressedDestination", client_error("NotFoundException", 404))
        self._pass_on = vars(BaseClient)["_make_api_call"]

    def call(self, client: BaseClient, operation: str, parameters: dict[str, Any]) -> object:
        """Record a call, then answer it with the next fault planned for it, else by the simulation."""
        check_call(client, operation, parameters)
        self.calls.append((operation, parameters))
        faults = self._faults.get(operation)
        answer = faults.popleft() if faults else self._answers.get(operation)
        if answer is None:
            return self._pass_on(client, operation, parameters)
        if isinstance(answer, ClientError):
            # Clients raise their own subclass for the codes their service declares.
            declared: Any = client.exceptions.from_code(answer.response["Error"]["Code"])
            raise declared(answer.response, operation)
        if isinstance(answer, Exception):
            raise answer
        return answer(parameters) if callable(answer) else answer

    def fail(self, operation: str, *faults: Exception, after: int = 0) -> None:
        """Let the next calls of an operation fail, one with each fault; the first `after` of them pass."""
        self._faults[operation] = deque([*[None] * after, *faults])

    def answer(self, operation: str, answer: Answer) -> None:
        """Let every call of an operation that the simulation has not, or has otherwise, be answered so."""
        self._answers[operation] = answer

    def answer_within(self, result: Mapping[str, Any], *, error: bool = False) -> None:
        """Let every function inside the directory's network return this; with `error` it raises it."""
        payload = json.dumps(result).encode()
        failed = {"FunctionError": "Unhandled"} if error else {}
        self.answer("Invoke", {"StatusCode": 200, "Payload": _Payload(payload), **failed})

    def refuse(self, operation: str, code: str, status: int = 400) -> None:
        """Let the next call of an operation be answered with an error code."""
        self.fail(operation, client_error(code, status, operation))

    def operations(self) -> list[str]:
        """Return the names of the operations called so far."""
        return [operation for operation, _ in self.calls]

    def sent(self, operation: str) -> list[dict[str, Any]]:
        """Return the parameters of each call of an operation so far."""
        return [parameters for called, parameters in self.calls if called == operation]

    def add_user(
        self,
        name: str = ALICE,
        *,
        password: str | None = OLD_PASSWORD,
        must_change: bool = False,
        tags: Mapping[str, str] = NO_TAGS,
        path: str = "/",
    ) -> str:
        """Create an IAM user; without a password it has no console access."""
        # Straight in the simulation: many tests need a user, and by way of the client it is three calls.
        iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
        tag_list = [{"Key": key, "Value": value} for key, value in tags.items()]
        user: Any = iam.create_user(os.environ["AWS_DEFAULT_REGION"], name, path, tag_list)
        user.create_date = NOW - timedelta(days=1)
        if password is not None:
            user.password, user.password_reset_required = password, must_change
        return name

    def password_of(self, name: str = ALICE) -> str | None:
        """Return a user's password, which no API of IAM tells."""
        password: str | None = _iam_user(name).password
        return password

    def sign_in(self, name: str, moment: datetime) -> None:
        """Let the user have used the password at that moment."""
        user: Any = _iam_user(name)
        user.password_last_used = moment

    def choose_password(self, name: str, password: str) -> None:
        """Let the user have chosen a password, which need not be changed any more."""
        IAM.update_login_profile(UserName=name, Password=password, PasswordResetRequired=False)

    def passwords(self) -> dict[str, str]:
        """Return the passwords that wait, by the names of their parameters."""
        pages = SSM.get_paginator("get_parameters_by_path")
        found = [
            parameter
            for page in pages.paginate(Path=os.environ["PASSWORDS_PATH"], Recursive=True, WithDecryption=True)
            for parameter in page["Parameters"]
        ]
        return {parameter["Name"]: parameter["Value"].partition(":")[2] for parameter in found}

    def keep_reset(
        self,
        phase: Phase = Phase.WAITING,
        execution: str = EXECUTION,
        *,
        password: str = PASSWORD,
        token: str = TASK_TOKEN,
        **more: Any,  # noqa: ANN401  # whatever else a reset has
    ) -> Reset:
        """Let a reset of Alice have come so far: in the registry, and its password in the parameter store."""
        known: dict[str, Any] = {
            "user": ALICE,
            "window": user_key(ALICE),
            "begun_at": int(NOW.timestamp()) - 60,
            "stored_at": int(NOW.timestamp()) - 30,
            "expires_at": int(EXPIRY.timestamp()),
            "secret_sha256": HANDLE.proof(LINK_SECRET),
        }
        waits = phase not in {Phase.RESETTING, Phase.STORED}
        reset = Reset(
            execution=execution, phase=phase, **known | more | ({"task_token": token} if waits else {})
        )
        if phase != Phase.RESETTING and password:
            ssm.store_password(execution, password, reset.secret_sha256, EXPIRY, CLAIM_KEY)
        self.keep(Item(current=reset, due_at=int(EXPIRY.timestamp()) + 300))
        return reset

    def keep(self, item: Item, user: str = ALICE) -> None:
        """Store this item for a user, as it is."""
        resets = {name: asdict(found) for name in ("current", "older") if (found := getattr(item, name))}
        due = {"due_at": item.due_at, "queue": "cleanup"} if item.due_at else {}
        table.put({"id": item_id(user_key(user)), **resets, **due})

    def phase(self, user: str = ALICE) -> Phase | None:
        """Return how far the user's present reset has come."""
        current = registry.read(user_key(user)).current
        return Phase(current.phase) if current else None

    def keep_link(self, kind: LinkKind, handle: Handle = HANDLE) -> Handle:
        """Put what a mailed link asks where its link finds it."""
        link = ActionLink(
            user=ALICE,
            execution=EXECUTION,
            secret_sha256=hash_link_secret(LINK_SECRET),
            task_token=TASK_TOKEN if kind is LinkKind.QUESTION else "",
        )
        table.put({"id": f"{kind}#{handle}", **asdict(link)})
        return handle

    def links(self, kind: LinkKind) -> dict[str, ActionLink]:
        """Return what the mailed links of a kind ask, by their handles."""
        found = {}
        for item in DYNAMODB.scan(TableName=os.environ["REGISTRY_TABLE"])["Items"]:
            asked, _, handle = item["id"]["S"].partition("#")
            if asked == kind:
                values = {each.name: item[each.name]["S"] for each in fields(ActionLink)}
                found[handle] = ActionLink(**values)
        return found

    def mails(self) -> list[Mail]:
        """Return the mails that SES was asked to send so far."""
        return [
            Mail(
                ", ".join(call["Destination"]["ToAddresses"]),
                call["Content"]["Simple"]["Subject"]["Data"],
                call["Content"]["Simple"]["Body"]["Text"]["Data"],
            )
            for call in self.sent("SendEmail")
        ]

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the steps put on the event bus so far, each with its detail."""
        entries = [entry for call in self.sent("PutEvents") for entry in call["Entries"]]
        return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in entries]

    def seal(self, execution: str = EXECUTION, user: str = ALICE) -> str:
        """Return the planted secrets, sealed for a user's execution."""
        return kms.seal(Secrets(PASSWORD, LINK_SECRET), execution, user, os.environ["CLAIM_KEY_ARN"])


def _iam_user(name: str) -> User:
    return iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_user(name)
