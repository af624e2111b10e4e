"""SES: the addresses of raw mails.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/ses_v2.py
    `handle_request`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json
from base64 import b64decode
from email import message_from_bytes, policy
from email.utils import getaddresses
from typing import Any

from local.emulator.patches.base import Untyped, module, replace


def apply() -> None:
    """AWS: SES v2 reads the addresses of a raw mail, where the call gives none, from its header.

    MiniStack records a mail without sender and recipients. Raises PatchError.
    """

    def wrap(original: Untyped) -> Untyped:
        async def handle(method: str, path: str, headers: Untyped, body: bytes, query: Untyped) -> Untyped:
            return await original(method, path, headers, with_raw_addresses(body), query)

        return handle

    replace(module("services.ses_v2"), "handle_request", wrap)


def ses_records() -> list[dict[str, Any]]:
    """List MiniStack's records of the mails that SES delivered, in all accounts and regions."""
    kept = module("services.ses", "_sent_emails")._sent_emails
    every = (record for records in kept.to_dict().values() for record in records)
    return [record for record in every if any(record.get(field) for field in ("To", "CC", "BCC"))]


def with_raw_addresses(body: bytes) -> bytes:
    """Fill in what only the raw mail in a SendEmail request says: its sender and recipients."""
    try:
        request = json.loads(body)
        raw = b64decode(request["Content"]["Raw"]["Data"])
    except (ValueError, KeyError, TypeError):
        return body
    mail = message_from_bytes(raw, policy=policy.default)
    request.setdefault("FromEmailAddress", str(mail.get("From", "")))
    if not any((request.get("Destination") or {}).values()):
        request["Destination"] = {
            f"{field}Addresses": [address for _, address in getaddresses(map(str, mail.get_all(field, [])))]
            for field in ("To", "Cc", "Bcc")
        }
    return json.dumps(request).encode()
