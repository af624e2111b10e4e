"""Step Functions: time-outs, task tokens, stopped executions and the names of errors.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/stepfunctions.py
    `_run_execution`, `_execute_task`, `_send_task_success`, `_invoke_with_callback`,
    `_stop_execution`, `_prefix_sdk_error`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import inspect
import json
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from local.emulator.patches.base import PatchError, Untyped, module, replace

if TYPE_CHECKING:
    from threading import Condition


class ExecutionStopped(BaseException):
    """When an execution was stopped while its thread worked or waited; no Retry and no Catch may see it."""


@dataclass(frozen=True)
class Execution:
    """The execution whose state this thread runs."""

    arn: str
    role_arn: str


_current: ContextVar[Execution | None] = ContextVar("latchkey_execution", default=None)
_begins: ContextVar[bool] = ContextVar("latchkey_begins", default=False)
_awaited: ContextVar[str] = ContextVar("latchkey_awaited_token", default="")


def current_execution() -> Execution | None:
    """Tell which execution this thread runs, if any."""
    return _current.get()


def apply(changed: Condition) -> Tokens:
    """Apply the patches of this module; the others ask what it knows. Raises PatchError.

    `changed` is told of each event of an execution.
    """
    sfn = module(
        "services.stepfunctions",
        "_AWS_SDK_SERVICE_MAP",
        "_ExecutionError",
        "_executions",
        "_jsonata_state_field",
        "_service_model",
        "_state_machines",
        "_task_tokens",
        "error_response_json",
    )
    tell_of_events(sfn, changed)
    _begin_at_once(sfn)
    _know_the_execution(sfn)
    _evaluate_timeouts(sfn)
    tokens = Tokens(sfn)
    replace(sfn, "_send_task_success", tokens.complete_once)
    replace(sfn, "_send_task_failure", tokens.complete_once)
    replace(sfn, "_invoke_with_callback", tokens.wait)
    replace(sfn, "_stop_execution", tokens.close_on_stop)
    _end_stopped_executions(sfn)
    _name_errors_as_the_sdk(sfn)
    return tokens


def tell_of_events(sfn: Untyped, changed: Condition) -> None:
    def wrap(original: Untyped) -> Untyped:
        def add(*event: Untyped) -> Untyped:
            with changed:
                added = original(*event)
                changed.notify_all()
            return added

        return add

    replace(sfn, "_add_event", wrap)


def _begin_at_once(sfn: Untyped) -> None:
    """AWS: an execution begins at once. MiniStack sleeps for 150 ms before the first state."""
    if inspect.getsource(sfn._run_execution).count("time.sleep(") != 1:
        raise PatchError(
            "MiniStack's executions sleep no more, or more than once; review local/emulator/patches"
        )

    def sleep(seconds: float) -> None:
        if _begins.get():
            _begins.set(False)
        else:
            time.sleep(seconds)

    sfn.time = SimpleNamespace(**{**vars(time), "sleep": sleep})


def _know_the_execution(sfn: Untyped) -> None:
    """Remember in each execution's thread which one it runs, for the other patches."""

    def wrap(original: Untyped) -> Untyped:
        def run(arn: str) -> None:
            machine_arn = (sfn._executions.get(arn) or {}).get("stateMachineArn")
            machine = sfn._state_machines.get(machine_arn) or {}
            _current.set(Execution(arn, machine.get("roleArn", "")))
            _begins.set(True)
            try:
                original(arn)
            except ExecutionStopped:
                return

        return run

    replace(sfn, "_run_execution", wrap)


def _check_not_stopped(sfn: Untyped) -> None:
    execution = _current.get()
    if execution and (sfn._executions.get(execution.arn) or {}).get("status") != "RUNNING":
        raise ExecutionStopped


def _evaluate_timeouts(sfn: Untyped) -> None:
    """AWS: a Task's TimeoutSeconds may be a JSONata expression. MiniStack waits for the text of it."""

    def wrap(original: Untyped) -> Untyped:
        def execute(
            state: dict[str, Any], state_input: Untyped, execution: Untyped, context: Untyped
        ) -> Untyped:
            if isinstance(state.get("TimeoutSeconds"), str):
                seconds = sfn._jsonata_state_field(state, "TimeoutSeconds", "number", state_input, context)
                state = {**state, "TimeoutSeconds": seconds}
            return original(state, state_input, execution, context)

        return execute

    replace(sfn, "_execute_task", wrap)


@dataclass
class Tokens:
    """AWS: a task token completes once.

    A second completion, one after the time-out and one after the execution was stopped answer TaskTimedOut;
    text that never was a token answers InvalidToken. In MiniStack the last of several completions wins, one
    in the instant of the time-out is accepted and then dropped, and the one error is TaskDoesNotExist.
    """

    sfn: Untyped
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _completed: dict[str, dict[str, Any]] = field(default_factory=dict)
    _closed: set[str] = field(default_factory=set)
    _executions: dict[str, str] = field(default_factory=dict)

    def complete_once(self, original: Untyped) -> Untyped:
        """Wrap SendTaskSuccess or SendTaskFailure."""

        def send(data: dict[str, Any]) -> Untyped:
            token = str(data.get("taskToken"))
            with self._lock:
                if token in self._closed or token in self._completed:
                    message = f"Task Timed Out: '{token}'"
                    return self.sfn.error_response_json("TaskTimedOut", message, 400)
                task = self.sfn._task_tokens.get(token)
                if task is None:
                    return self.sfn.error_response_json("InvalidToken", f"Invalid Token: '{token}'", 400)
                self._completed[token] = task
                return original(data)

        return send

    def wait(self, original: Untyped) -> Untyped:
        """Wrap the wait for a task's completion."""

        def invoke(resource: str, arguments: Untyped, token: str, state: Untyped) -> Untyped:
            _check_not_stopped(self.sfn)
            execution = _current.get()
            self._executions[token] = execution.arn if execution else ""
            _awaited.set(token)
            try:
                result = original(resource, arguments, token, state)
            except self.sfn._ExecutionError as failure:
                _check_not_stopped(self.sfn)
                with self._lock:
                    task = self._completed.get(token)
                    # MiniStack tries again with the same token, AWS with a new one.
                    if failure.error == "States.Timeout":
                        self._closed.add(token)
                if task is None or task["error"]:
                    raise
                # Completed and answered so while the clock ran out: it counts.
                return json.loads(task["result"])
            finally:
                _awaited.set("")
            _check_not_stopped(self.sfn)
            return result

        return invoke

    def fail_with_function(self) -> None:
        """AWS: a function that fails fails its task, awaited or not. MiniStack goes on waiting for the token.

        The outermost of what is wrapped around a call, so that faults count too. Raises PatchError.
        """

        def wrap(original: Untyped) -> Untyped:
            def call(function: str, event: Untyped) -> Untyped:
                try:
                    return original(function, event)
                except self.sfn._ExecutionError as failure:
                    task = self.sfn._task_tokens.get(_awaited.get())
                    if task:
                        task["error"] = {"Error": failure.error, "Cause": failure.cause}
                        task["event"].set()
                    raise

            return call

        replace(self.sfn, "_call_lambda", wrap)

    def close_on_stop(self, original: Untyped) -> Untyped:
        """Wrap StopExecution: its tasks cannot complete any more, and its thread need not wait."""

        def stop(data: dict[str, Any]) -> Untyped:
            response = original(data)
            with self._lock:
                for token, arn in self._executions.items():
                    task = self.sfn._task_tokens.get(token)
                    if task and arn == data.get("executionArn"):
                        self._closed.add(token)
                        task["event"].set()
            return response

        return stop

    def machine_of(self, token: str) -> str | None:
        """Find the state machine that gave out a token."""
        arn = self._executions.get(token)
        return arn.replace(":execution:", ":stateMachine:").rpartition(":")[0] if arn else None


def _end_stopped_executions(sfn: Untyped) -> None:
    """AWS: a stopped execution stays ABORTED and starts nothing more.

    MiniStack's thread runs to the end of its state, retries included, and may then rewrite the status.
    """

    def keep_status(original: Untyped) -> Untyped:
        def fail(execution: Untyped, error: str, cause: str) -> None:
            if execution["status"] == "RUNNING":
                original(execution, error, cause)

        return fail

    def check(original: Untyped) -> Untyped:
        def invoke(resource: str, arguments: Untyped) -> Untyped:
            _check_not_stopped(sfn)
            return original(resource, arguments)

        return invoke

    replace(sfn, "_fail_execution", keep_status)
    replace(sfn, "_invoke_resource", check)


def _name_errors_as_the_sdk(sfn: Untyped) -> None:
    """AWS: an SDK integration's error has the name of the exception in the AWS SDK for Java 2.

    `ParameterNotFound` is `Ssm.ParameterNotFoundException`, and a code that the service's model does not know
    is the service's own exception, `Iam.IamException`. MiniStack passes the code on.
    """

    def wrap(original: Untyped) -> Untyped:
        def name(service: str, code: str) -> str:
            named = str(original(service, code))
            prefix, _, code = named.partition(".")
            if prefix in {"States", "Lambda"} or code == "SdkClientException":
                return named
            key = sfn._AWS_SDK_SERVICE_MAP.get(service, {}).get("service_key", service)
            model = sfn._service_model(key)
            shapes = model.error_shapes if model else ()
            names = {shape.metadata.get("error", {}).get("code", shape.name): shape.name for shape in shapes}
            return f"{prefix}.{java_exception(names.get(code, prefix))}"

        return name

    replace(sfn, "_prefix_sdk_error", wrap)


def java_exception(shape: str) -> str:
    """Name the exception class which the AWS SDK for Java 2 generates for an error shape."""
    return shape if shape.endswith("Exception") else f"{shape.removesuffix('Fault')}Exception"
