"""What the local cloud's page shows of executions."""

import json
from datetime import UTC, datetime
from typing import Any

from local.emulator.executions import view

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:latchkey-local-reset"
DEFINITION = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "End": True}}}
MACHINES = [{"name": "latchkey-local-reset", "definition": json.dumps(DEFINITION)}]
NOW = datetime(2026, 3, 1, 9, 0, 10, tzinfo=UTC)
SECRET = "PlantedPassword-9"


def execution(name: str, started: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # as MiniStack has it
    entered = {"name": "Work", "input": SECRET}
    return {
        "name": name,
        "stateMachineArn": MACHINE,
        "status": "RUNNING",
        "startDate": started,
        "stopDate": None,
        "input": SECRET,
        "output": SECRET,
        "events": [
            {"id": 1, "type": "ExecutionStarted", "timestamp": started},
            {
                "id": 2,
                "type": "TaskStateEntered",
                "timestamp": "2026-03-01T09:00:04.000Z",
                "stateEnteredEventDetails": entered,
            },
        ],
        **more,
    }


def test_states_times_and_causes_are_shown_and_no_data() -> None:
    failed = execution("two", "2026-03-01T09:00:02.000Z", status="FAILED", cause="Paused.")
    failed["stopDate"] = "2026-03-01T09:00:05.000Z"
    shown = view(MACHINES, [execution("one", "2026-03-01T09:00:01.000Z"), failed], NOW)
    assert SECRET not in json.dumps(shown)
    newest, oldest = shown["executions"]
    assert (newest["name"], newest["cause"], newest["seconds"]) == ("two", "Paused.", 3)
    assert oldest["steps"] == [
        {"state": "Work", "at": 3, "seconds": 6, "running": True, "tries": 0, "failures": []}
    ]
    assert not newest["steps"][0]["running"]
    assert "Work" in shown["machines"]["latchkey-local-reset"]


def test_a_batch_of_a_map_has_no_picture_and_is_left_out() -> None:
    batch = execution("batch", "2026-03-01T09:00:01.000Z", stateMachineArn=f"{MACHINE}/SendEachBatch")
    assert view(MACHINES, [batch], NOW)["executions"] == []
