"""SES: the account's suppression list.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/ses_v2.py
    `handle_request`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from local.emulator.patches.base import Untyped, module, replace

if TYPE_CHECKING:
    from collections.abc import Iterable

_PATH = re.compile(r"/v2/email/suppression/addresses(?:/(.+))?")
_RECIPIENTS = ("To", "CC", "BCC")

# By address, as MiniStack's own services keep what they are told.
_suppressed: dict[str, dict[str, Any]] = {}


def apply() -> None:
    """AWS: SES takes a mail to an address on the suppression list, and never delivers it.

    https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
    MiniStack has no such list. Raises PatchError.
    """
    ses = module("services.ses", "_sent_emails_list")
    answers = module("services.ses_v2", "_json_err", "json_response")

    def wrap(original: Untyped) -> Untyped:
        async def handle(method: str, path: str, headers: Untyped, body: bytes, query: Untyped) -> Untyped:
            asked = _PATH.fullmatch(path)
            if asked:
                return _answer(answers, method, unquote(asked[1] or ""), body)
            before = len(ses._sent_emails_list())
            response = await original(method, path, headers, body, query)
            for record in ses._sent_emails_list()[before:]:
                record |= {field: deliverable(record.get(field) or ()) for field in _RECIPIENTS}
            return response

        return handle

    replace(answers, "handle_request", wrap)


def deliverable(addresses: Iterable[str]) -> list[str]:
    """Return those of a mail's recipients that SES delivers it to."""
    return [address for address in addresses if address.lower() not in _suppressed]


def _answer(answers: Untyped, method: str, address: str, body: bytes) -> Untyped:
    """Answer Put-, Get-, Delete- or ListSuppressedDestination."""
    if method == "PUT":
        request = json.loads(body)
        found = {
            "EmailAddress": request["EmailAddress"],
            "Reason": request["Reason"],
            "LastUpdateTime": int(time.time()),
        }
        _suppressed[request["EmailAddress"].lower()] = found
        return answers.json_response({})
    if not address:
        return answers.json_response({"SuppressedDestinationSummaries": list(_suppressed.values())})
    kept = _suppressed.get(address.lower())
    if kept is None:
        message = f"Email address {address} does not exist on your suppression list."
        return answers._json_err("NotFoundException", message, HTTPStatus.NOT_FOUND)
    if method == "GET":
        return answers.json_response({"SuppressedDestination": kept})
    del _suppressed[address.lower()]
    return answers.json_response({})
