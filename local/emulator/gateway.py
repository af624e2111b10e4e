"""The local cloud's front door: MiniStack, with the mailbox, the faults and the call log before it."""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from local.emulator import executions
from local.emulator.call_log import CallLog, Request, identify, principal_of
from local.emulator.faults import FaultError, fault_from
from local.emulator.mailbox import Mail, Mailbox, page
from local.emulator.patches import boundary, concurrency
from local.emulator.responses import Response, fault_answer
from local.emulator.smtp import EmulatedAccounts

if TYPE_CHECKING:
    from pathlib import Path
    from threading import Condition

    from local.emulator.faults import Faults
    from local.emulator.patches.users import SignIns
    from local.emulator.smtp import SmtpEndpoint

# The ASGI specification gives messages no narrower type than this.
type Message = dict[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

_OURS = "/_latchkey/"
_JSON = "application/json"
# So many requests may wait at once.
_PATIENT = 200
# A denial is recognised by the head of an answer.
_ANSWER_HEAD = 2_048
_NOT_FOUND = Response.of_json({"error": "No such endpoint"}, HTTPStatus.NOT_FOUND)


async def _send(answer: Response, send: Send) -> None:
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Hand a body that was already read to the next application."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


async def _discard(_: Message) -> None:
    """Discard an answer."""


@dataclass
class Gateway:
    """The ASGI application."""

    emulator: Any
    mailbox: Mailbox
    sign_ins: SignIns
    smtp: SmtpEndpoint
    faults: Faults
    #: Told of each event of an execution; the mailbox has its own.
    changed: Condition
    calls: CallLog = field(default_factory=CallLog)
    _waiting: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_PATIENT))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve our own endpoints; watch AWS calls; leave the rest to the emulator."""
        if scope["type"] != "http" or (
            scope["path"].startswith("/_") and not scope["path"].startswith(_OURS)
        ):
            await self.emulator(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        body = await _read_body(receive)
        request = Request(scope["method"], scope["path"], headers, query, body)
        if request.path.startswith(_OURS):
            if "within" in request.query:
                await asyncio.get_running_loop().run_in_executor(self._waiting, self.wait, request)
            await _send(self.serve(request), send)
        else:
            await self._aws_call(request, scope, _replayed(body, receive), send)

    async def _aws_call(self, request: Request, scope: Message, receive: Receive, send: Send) -> None:
        started = time.time()
        operation = identify(request)
        fault = self.faults.take(operation, request.body)
        status, head = 0, b""

        async def watched(message: Message) -> None:
            nonlocal status, head
            if message["type"] == "http.response.start":
                status = message["status"]
            elif len(head) < _ANSWER_HEAD and status >= HTTPStatus.BAD_REQUEST:
                head += message.get("body", b"")
            await send(message)

        if fault:
            await asyncio.sleep(fault.delay_seconds)
        if fault and fault.answers:
            if fault.late:
                await self.emulator(scope, receive, _discard)
            await _send(fault_answer(fault, operation, request.headers), watched)
        else:
            await self.emulator(scope, receive, watched)
        # Only now: answering registers the session of a function's role.
        self.calls.add(started, operation, self._principal(request), status, head)

    @staticmethod
    def _principal(request: Request) -> str:
        router = importlib.import_module("ministack.core.router")
        return principal_of(str(router.extract_access_key_id(request.headers, request.query)))

    def wait(self, request: Request) -> None:
        """Wait until what a GET asks for is there, or for the seconds that it gives as `within`."""
        changed = self.mailbox.changed if self._is_of_mails(request) else self.changed
        with changed:
            changed.wait_for(lambda: self.is_there(request), float(request.asked("within")))

    def is_there(self, request: Request) -> bool:
        """Say whether the mailbox has `number` such mails, or an execution entered `state` or is over."""
        if self._is_of_mails(request):
            return len(self._mails(request)) >= int(request.asked("number"))
        progress = executions.read_progress(request.asked("arn"))
        return progress["status"] != "RUNNING" or request.asked("state") in progress["states"]

    def serve(self, request: Request) -> Response:
        """Answer for one of our own endpoints."""
        match request.method, request.path.removeprefix(_OURS):
            case "GET", name:
                return self._show(name, request)
            case "POST", "faults":
                return self._add_fault(request.body)
            case "POST", "sign-in":
                return Response.of_json(self.sign_ins.sign_in(**json.loads(request.body)))
            case "DELETE", "faults":
                self.faults.clear()
            case "DELETE", "calls":
                self.calls.clear()
            case "POST", "organisation":
                boundary.demand(json.loads(request.body)["permissions_boundary"])
            case "POST", "lambda":
                concurrency.limit(json.loads(request.body)["functions"])
            case "POST", "smtp":
                self.smtp.key_delay_seconds = float(json.loads(request.body)["key_delay_seconds"])
            case _:
                return _NOT_FOUND
        return Response(HTTPStatus.NO_CONTENT, {})

    @staticmethod
    def _is_of_mails(request: Request) -> bool:
        return request.path.removeprefix(_OURS) == "mailbox"

    def _mails(self, request: Request) -> list[Mail]:
        return self.mailbox.mails(request.asked("to"), request.asked("about"))

    def _show(self, name: str, request: Request) -> Response:
        values: dict[str, Callable[[], object]] = {
            "faults": self.faults.as_json,
            "calls": self.calls.as_json,
            "access-keys": EmulatedAccounts.secrets,
            "execution": lambda: executions.read_progress(request.asked("arn")),
        }
        if _JSON in request.headers.get("accept", ""):
            values["mailbox"] = lambda: [mail.as_json() for mail in self._mails(request)]
            values["executions"] = executions.read_view
        if name in values:
            return Response.of_json(values[name]())
        if name == "mailbox":
            html = page(self.mailbox.mails()).encode()
            return Response(HTTPStatus.OK, {"content-type": "text/html; charset=utf-8"}, html)
        return self._file(*executions.FILES[name]) if name in executions.FILES else _NOT_FOUND

    @staticmethod
    def _file(path: Path, kind: str) -> Response:
        if not path.exists():
            return Response.of_json({"error": "Not installed: npm ci --prefix local"}, HTTPStatus.NOT_FOUND)
        # Nothing from elsewhere; Mermaid puts its picture's styles into the page.
        policy = "default-src 'self'; style-src 'self' 'unsafe-inline'"
        return Response(
            HTTPStatus.OK, {"content-type": kind, "content-security-policy": policy}, path.read_bytes()
        )

    def _add_fault(self, body: bytes) -> Response:
        try:
            self.faults.add(fault_from(json.loads(body)))
        except (FaultError, ValueError) as error:
            return Response.of_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        return Response(HTTPStatus.NO_CONTENT, {})
