"""HTTP answers, and errors in the form that each AWS protocol has."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.emulator.call_log import Operation
    from local.emulator.faults import Fault

_REQUEST_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Response:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @classmethod
    def of_json(cls, value: object, status: int = HTTPStatus.OK) -> Response:
        """Answer with JSON."""
        return cls(status, {"content-type": "application/json"}, json.dumps(value).encode())


def error_answer(api: str, error: str, message: str, status: int, headers: dict[str, str]) -> Response:
    """Shape an error as the API's protocol has it, so that an SDK reads `error` as its code.

    `headers` are the request's: some services answer in the protocol they were asked in.
    """
    actions = importlib.import_module("ministack.core.iam_actions")
    _, answer_headers, body = actions.access_denied_response(
        api, "", "", _REQUEST_ID, error_code=error, message=message, headers=headers
    )
    return Response(status, answer_headers, body)


def fault_answer(fault: Fault, operation: Operation, headers: dict[str, str]) -> Response:
    """Answer with a fault. A crash answers nothing that an SDK could read."""
    if fault.crash:
        return Response(HTTPStatus.INTERNAL_SERVER_ERROR, {"connection": "close"})
    return error_answer(operation.api, fault.error, fault.message, fault.status, headers)
