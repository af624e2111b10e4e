"""SES: the configuration set that an identity's mails go with, unless they name another.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/ses_v2.py
    `handle_request`
https://github.com/ministackorg/ministack/blob/main/ministack/core/iam_actions.py
    `extract_resource_arn`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from local.emulator.patches.base import Untyped, module, replace
from local.emulator.patches.permissions import Checked

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATH = re.compile(r"/v2/email/identities/([^/]+)/configuration-set")
_SENDER = "ses:FromAddress"


def apply() -> None:
    """AWS: sending from an identity with a default configuration set needs a permission for both.

    https://docs.aws.amazon.com/ses/latest/dg/managing-configuration-sets.html#default-config-sets
    MiniStack has no default configuration sets. Raises PatchError.
    """
    ses = module("services.ses_v2", "_identities", "_resource_arn", "json_response")

    def keep(original: Untyped) -> Untyped:
        async def handle(method: str, path: str, headers: Untyped, body: bytes, query: Untyped) -> Untyped:
            named = _PATH.fullmatch(path)
            if named is None or method != "PUT":
                return await original(method, path, headers, body, query)
            ses._identities[named[1]] |= {
                "ConfigurationSetName": json.loads(body).get("ConfigurationSetName")
            }
            return ses.json_response({})

        return handle

    def check(original: Untyped) -> Untyped:
        def extract(service: str, *rest: Untyped) -> str:
            named: str = original(service, *rest)
            if not isinstance(named, Checked) or _SENDER not in named.context:
                return named
            sets = default_sets(named.context[_SENDER])
            return Checked([str(named), *named.others, *sets], named.context)

        return extract

    replace(ses, "handle_request", keep)
    replace(module("core.iam_actions"), "extract_resource_arn", check)


def default_sets(sender: str) -> Iterator[str]:
    """Yield the ARN of the configuration set that a sender's mails go with: its own, else its domain's."""
    ses = module("services.ses_v2")
    identity = ses._identities.get(sender) or ses._identities.get(sender.rpartition("@")[2]) or {}
    name = identity.get("ConfigurationSetName")
    if name:
        yield ses._resource_arn("configuration-set", name)
