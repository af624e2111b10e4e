"""SES: the addresses of raw mails, and where mails go.

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
from typing import TYPE_CHECKING

from local.emulator.mailbox import Mail, from_ses_record
from local.emulator.patches.base import Untyped, module, replace

if TYPE_CHECKING:
    from collections.abc import Callable


def apply(deliver: Callable[[Mail], None]) -> None:
    """AWS: SES v2 reads the addresses of a raw mail, where the call gives none, from its header.

    MiniStack records a mail without sender and recipients. What it records is delivered here, so this comes
    after the patches that change what arrives. Raises PatchError.
    """
    ses = module("services.ses", "_sent_emails_list")

    def wrap(original: Untyped) -> Untyped:
        async def handle(method: str, path: str, headers: Untyped, body: bytes, query: Untyped) -> Untyped:
            before = len(ses._sent_emails_list())
            answer = await original(method, path, headers, with_raw_addresses(body), query)
            for mail in map(from_ses_record, ses._sent_emails_list()[before:]):
                if mail.to:
                    deliver(mail)
            return answer

        return handle

    for version in (ses, module("services.ses_v2")):
        replace(version, "handle_request", wrap)


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
