"""The local cloud's state machines act under their own role, and meet faults."""

import json
from collections.abc import Iterator

import pytest

from local.emulator.call_log import CallLog
from local.emulator.faults import Faults, fault_from
from local.emulator.patches import sdk_calls
from local.emulator.patches.base import module
from local.emulator.patches.executions import Execution
from tests.unit.callers import ROLE, make_caller, patch_permissions

ALLOWED = "arn:aws:ssm:us-east-1:000000000000:parameter/allowed"
_TARGET = {"x-amz-target": "AmazonSSM.DeleteParameter", "content-type": "application/x-amz-json-1.1"}


class Machine:
    """A state machine that may delete one parameter, and what became of its calls."""

    def __init__(self) -> None:
        self.faults, self.calls = Faults(), CallLog()
        self.reached: list[str] = []
        watch = sdk_calls.Watch(module("services.stepfunctions"), self.faults, self.calls)
        self._call = watch.service_calls(self._answer)

    def _answer(self, _handler: object, _method: str, _path: str, _headers: object, body: str) -> object:
        self.reached.append(json.loads(body)["Name"])
        return 200, {}, b"{}"

    def delete(self, name: str) -> int:
        """Delete a parameter as a state does; return the answer's status."""
        status: int = self._call(None, "POST", "/", _TARGET, json.dumps({"Name": name}))[0]
        return status


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Return a state machine whose execution this thread runs."""
    patch_permissions(monkeypatch)
    make_caller({"Effect": "Allow", "Action": "ssm:DeleteParameter", "Resource": ALLOWED})
    monkeypatch.setattr(sdk_calls, "current_execution", lambda: Execution("arn:execution", ROLE))
    yield Machine()
    module("services.iam").reset()


def test_a_state_machine_does_what_its_role_may(machine: Machine) -> None:
    assert (machine.delete("/allowed"), machine.reached) == (200, ["/allowed"])


def test_a_state_machine_may_not_do_what_its_role_may_not(machine: Machine) -> None:
    assert machine.delete("/other") >= 400
    assert machine.reached == []


def test_a_call_meets_its_fault(machine: Machine) -> None:
    machine.faults.add(
        fault_from({"service": "ssm", "action": "DeleteParameter", "error": "ThrottlingException"})
    )
    assert (machine.delete("/allowed") >= 400, machine.reached) == (True, [])
    assert (machine.delete("/allowed"), machine.reached) == (200, ["/allowed"])


def test_calls_are_logged_with_the_role(machine: Machine) -> None:
    machine.delete("/allowed")
    (call,) = machine.calls.as_json()
    assert (call["service"], call["action"], call["principal"]) == ("ssm", "DeleteParameter", "caller")
