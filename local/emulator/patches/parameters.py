"""SSM: a parameter's policies, as they are told of it.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/ssm.py
    `_put_parameter`
"""

from __future__ import annotations

import json
from typing import Any

from local.emulator.patches.base import Untyped, module, replace


def apply() -> None:
    """AWS: PutParameter takes policies as text and tells of them as a list. MiniStack tells the text.

    Raises PatchError.
    """

    def wrap(original: Untyped) -> Untyped:
        def put(data: dict[str, Any]) -> Untyped:
            policies = [
                {"PolicyText": json.dumps(policy), "PolicyType": policy["Type"], "PolicyStatus": "Pending"}
                for policy in json.loads(data.get("Policies") or "[]")
            ]
            return original({**data, "Policies": policies})

        return put

    replace(module("services.ssm"), "_put_parameter", wrap)
