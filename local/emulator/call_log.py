"""Which AWS calls were made, by which principal and with what result; never their content."""

from __future__ import annotations

import importlib
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs

from local.emulator.mailbox import moment

# A whole test run fits; an endless `make up` does not grow without bound.
_KEPT = 20_000


@dataclass(frozen=True)
class Request:
    """An AWS request: what MiniStack's router needs of it. Header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, list[str]]
    body: bytes

    def asked(self, name: str) -> str:
        """Return the value of a name in the query; empty where it has none."""
        return self.query.get(name, [""])[0]

    @property
    def routing_query(self) -> dict[str, list[str]]:
        """The query with the fields of a form-encoded body: the action, and what it is to be done to."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return self.query
        return {**parse_qs(self.body.decode("utf-8", "replace")), **self.query}


@dataclass(frozen=True)
class Operation:
    """The operation a request asks for, named as in an IAM policy, and the API whose protocol it speaks."""

    api: str
    service: str
    action: str


def identify(request: Request) -> Operation:
    """Find out which operation a request asks for."""
    router = importlib.import_module("ministack.core.router")
    actions = importlib.import_module("ministack.core.iam_actions")
    query = request.routing_query
    service = str(router.detect_service(request.method, request.path, request.headers, query))
    named = actions.extract_iam_action(
        service, request.method, request.path, request.headers, request.body, query
    )
    namespace, _, action = str(named or f"{service}:").partition(":")
    if (namespace, action) == ("lambda", "InvokeFunction"):
        action = "Invoke"  # the operation's own name; InvokeFunction is what a policy calls it
    # SES's two APIs share one name in policies, not one protocol.
    api = "sesv2" if service == "ses" and request.path.startswith("/v2/") else service
    return Operation(api, namespace, action)


def principal_of(access_key_id: str) -> str:
    """Return the role or user behind an access key, or the key itself if there is none."""
    evaluator = importlib.import_module("ministack.core.iam_evaluator")
    identity = evaluator.resolve_caller_identity(access_key_id)
    arn = str(identity["userArn"]) if identity else ""
    return principal_name(arn) or access_key_id or "anonymous"


def principal_name(arn: str) -> str:
    """Take the role's or user's name out of a principal's ARN; empty for no ARN."""
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        return rest.partition("/")[0]
    return rest.rpartition("/")[2] or kind


@dataclass(frozen=True)
class Call:
    """One call that was made."""

    time: str
    service: str
    action: str
    principal: str
    denied: bool
    status: int


class CallLog:
    """The last calls. They come from the server's loop and from executions' threads."""

    def __init__(self) -> None:
        """Start empty."""
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def add(self, time: float, operation: Operation, principal: str, status: int, answer: bytes) -> None:
        """Note a call; of its answer, only whether it was a denial."""
        denied = status in (400, 403) and (
            b"AccessDenied" in answer or b"not authorized to perform" in answer
        )
        call = Call(moment(time), operation.service, operation.action, principal, denied, status)
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._calls.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """All calls kept, in the order they ended."""
        with self._lock:
            return [asdict(call) for call in self._calls]
