"""SES: links that are rewritten to see who follows them.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/ses_v2.py
    `handle_request`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from local.emulator.patches.base import Untyped, module, replace

_SETTINGS = "/v2/email/account/vdm"
_LINK = re.compile(r"<a\b[^>]*>")
_NOT_THIS_ONE = re.compile(r'\s+ses:no-track(="[^"]*")?')
_HREF = re.compile(r'href="(https?://[^"]*)"')

# As MiniStack's own services keep what they are told.
_account: dict[str, Any] = {}


def apply() -> None:
    """AWS: with engagement metrics, SES rewrites the links of every mail, but for those told otherwise.

    https://docs.aws.amazon.com/ses/latest/dg/vdm-settings.html turns them on (PutAccountVdmAttributes), and
    https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html says what becomes of links. MiniStack leaves
    links alone. Raises PatchError.
    """
    sent = module("services.ses", "_sent_emails_list")
    ses = module("services.ses_v2", "json_response")

    def wrap(original: Untyped) -> Untyped:
        async def handle(method: str, path: str, headers: Untyped, body: bytes, query: Untyped) -> Untyped:
            if (method, path) == ("PUT", _SETTINGS):
                _account.update(json.loads(body)["VdmAttributes"])
                return ses.json_response({})
            before = len(sent._sent_emails_list())
            answer = await original(method, path, headers, body, query)
            for record in sent._sent_emails_list()[before:]:
                record["BodyHtml"] = as_delivered(record.get("BodyHtml") or "")
            return answer

        return handle

    replace(ses, "handle_request", wrap)


def as_delivered(html: str) -> str:
    """Return a mail's HTML as it arrives."""
    on = (_account.get("DashboardAttributes") or {}).get("EngagementMetrics") == "ENABLED"
    return _LINK.sub(lambda link: _rewritten(link[0], on=on), html)


def _rewritten(link: str, *, on: bool) -> str:
    told = _NOT_THIS_ONE.sub("", link)
    if told != link or not on:
        return told
    return _HREF.sub(
        lambda href: f'href="https://local.awstrack.me/L0/{quote(href[1], safe="")}/1/-/-"', link
    )
