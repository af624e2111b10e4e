"""EventBridge: events that a state machine puts on a bus.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/stepfunctions.py
    `_SERVICE_DISPATCH`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json
from typing import Any

from local.emulator.patches.base import Untyped, module
from local.emulator.patches.executions import current_execution

_RESOURCE = "arn:aws:states:::events:putEvents"
_SDK_RESOURCE = "arn:aws:states:::aws-sdk:eventbridge:putEvents"


def apply() -> None:
    """AWS: `events:putEvents` acts under the machine's role, and fails where an entry is not taken.

    It takes details as JSON, and names execution and machine among an event's resources:
    https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html
    MiniStack asks no role, wants text, names nothing and succeeds. Raises PatchError.
    """
    sfn = module(
        "services.stepfunctions", "_ExecutionError", "_SERVICE_DISPATCH", "_invoke_aws_sdk_integration"
    )

    def put(_resource: str, arguments: dict[str, Any]) -> Untyped:
        execution = current_execution()
        entries = [completed(entry, execution.arn if execution else "") for entry in arguments["Entries"]]
        result = sfn._invoke_aws_sdk_integration(_SDK_RESOURCE, {**arguments, "Entries": entries})
        if result["FailedEntryCount"]:
            raise sfn._ExecutionError("EventBridge.FailedEntry", json.dumps(result))
        return result

    sfn._SERVICE_DISPATCH[_RESOURCE] = put


def completed(entry: dict[str, Any], execution_arn: str) -> dict[str, Any]:
    """Return an entry as EventBridge gets it from an execution."""
    detail = entry["Detail"]
    machine_arn = execution_arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    return {
        **entry,
        "Detail": detail if isinstance(detail, str) else json.dumps(detail),
        "Resources": [*entry.get("Resources", []), execution_arn, machine_arn],
    }
