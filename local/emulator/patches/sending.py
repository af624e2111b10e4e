"""SES: whether the account sends, and what it suppresses.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/ses_v2.py
    `handle_request`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json

from local.emulator.patches.base import Untyped, module, replace

_ACCOUNT = "/v2/email/account"

#: What an account suppresses for unless it says otherwise
#: (https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html).
_REASONS = ["BOUNCE", "COMPLAINT"]

_enabled = True


def apply() -> None:
    """AWS: PutAccountSendingAttributes pauses the account's sending; GetAccount tells, SendEmail is refused.

    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutAccountSendingAttributes.html
    MiniStack always sends, and tells of an account that suppresses nothing. Raises PatchError.
    """
    ses = module("services.ses_v2", "_json_err", "json_response")

    def wrap(original: Untyped) -> Untyped:
        async def handle(method: str, path: str, headers: Untyped, body: bytes, query: Untyped) -> Untyped:
            global _enabled  # noqa: PLW0603  # as MiniStack's own services keep what they are told
            if (method, path) == ("PUT", f"{_ACCOUNT}/sending"):
                _enabled = bool(json.loads(body)["SendingEnabled"])
                return ses.json_response({})
            if (method, path) == ("POST", "/v2/email/outbound-emails") and not _enabled:
                return ses._json_err("SendingPausedException", "Sending is paused for this account.")
            answer = await original(method, path, headers, body, query)
            if (method, path) != ("GET", _ACCOUNT):
                return answer
            told = json.loads(answer[2])
            suppression = {"SuppressedReasons": _REASONS}
            return ses.json_response(
                {**told, "SendingEnabled": _enabled, "SuppressionAttributes": suppression}
            )

        return handle

    replace(ses, "handle_request", wrap)
