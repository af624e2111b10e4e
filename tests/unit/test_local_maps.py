"""What becomes of the children of a distributed Map of the local cloud, when one of them fails."""

import threading
from typing import Any

import pytest

from local.emulator.patches import maps
from local.emulator.patches.base import module

ARN = "arn:aws:states:us-east-1:000000000000"
MAP = {
    "Type": "Map",
    "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Arguments": {"Bucket": "b", "Key": "k"}},
    "ItemSelector": {"who": "{% $states.context.Map.Item.Value.who %}"},
    "MaxConcurrency": 2,
    "End": True,
}
TASK = {
    "Type": "Task",
    "QueryLanguage": "JSONata",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "f", "Payload": "{% $states.input %}"},
}
PROCESSOR = {
    "ProcessorConfig": {"Mode": "DISTRIBUTED"},
    "StartAt": "Send",
    "States": {
        "Send": TASK | {"Output": "{% $states.input %}", "Next": "Then"},
        "Then": TASK | {"End": True},
    },
}


def test_children_are_aborted_and_their_functions_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    sfn = module("services.stepfunctions")
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()
    calls: list[str] = []

    def function(_resource: str, arguments: dict[str, Any]) -> dict[str, Any]:
        who = arguments["Payload"]["who"]
        calls.append(who)
        if who == "fails":
            assert begun.wait(10)
            raise sfn._ExecutionError("MailQuotaExceededError", "no more")  # noqa: SLF001  # as functions fail
        begun.set()
        assert may_end.wait(10)
        ended.set()
        return {}

    for name in ("_run_distributed_map", "_run_sub_machine"):
        monkeypatch.setattr(sfn, name, getattr(sfn, name))
    monkeypatch.setattr(sfn, "_invoke_resource", function)
    monkeypatch.setattr(
        sfn, "_s3_object_text", lambda *_: '[{"who": "goes on"}, {"who": "fails"}, {"who": "never starts"}]'
    )
    executions: dict[str, Any] = {}
    monkeypatch.setattr(sfn, "_executions", executions)
    maps.apply(lambda _: True)
    parent = {
        "executionArn": f"{ARN}:execution:m:one",
        "stateMachineArn": f"{ARN}:stateMachine:m",
        "name": "one",
        "events": [],
    }
    context = {"QueryLanguage": "JSONata", "variables": {}, "Execution": {}}
    with pytest.raises(Exception, match="threshold"):
        sfn._run_distributed_map(MAP, {}, {}, PROCESSOR, parent, context)  # noqa: SLF001  # what Map states run
    # The Map is over; a function is not.
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(10)
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(10)
    assert sorted(calls) == ["fails", "goes on"]
    assert sorted(child["status"] for child in executions.values()) == ["ABORTED", "ABORTED", "FAILED"]
