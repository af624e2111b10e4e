"""Step Functions: distributed Maps.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/stepfunctions.py
    `_run_distributed_map`, `_run_sub_machine`
https://github.com/ministackorg/ministack/issues/636
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.emulator.patches.base import Untyped, module, replace
from local.emulator.patches.executions import ExecutionStopped

if TYPE_CHECKING:
    from collections.abc import Callable


def apply(may_read: Callable[[str], bool]) -> None:
    """AWS: a distributed Map speaks JSONata, reads under the machine's role, and stops at its first failure.

    Its children that run then are aborted, and what their functions do goes on to its end:
    https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
    Neither it nor a child sees the variables of earlier states:
    https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html#variable-scope
    MiniStack evaluates no JSONata in its ItemReader, ItemSelector, Output and Assign, reads any object, and
    runs every child to its end however many have failed. Raises PatchError.
    """
    sfn = module(
        "services.stepfunctions",
        "_ExecutionError",
        "_apply_jsonata_output",
        "_apply_jsonata_template",
        "_apply_state_assign",
        "_state_query_language",
    )
    maps = Maps(sfn, may_read)
    replace(sfn, "_run_distributed_map", maps.run)
    replace(sfn, "_run_sub_machine", maps.run_child)
    replace(sfn, "_invoke_resource", maps.start_nothing_more)


@dataclass
class Maps:
    """The distributed Maps that run; by the ARN of their children's machine, which only one of them has."""

    sfn: Untyped
    may_read: Callable[[str], bool]
    _running: dict[str, Run] = field(default_factory=dict)

    def run(self, original: Untyped) -> Untyped:
        """Wrap the run of a whole Map."""

        def run(state: Untyped, state_input: Untyped, *rest: Untyped) -> Untyped:
            _, iterator, execution, context = rest
            if self.sfn._state_query_language(state, context) != "JSONata":
                return original(state, state_input, *rest)
            seen = {**context, "variables": {}}
            reader = {**state["ItemReader"]}
            reader["Arguments"] = self.sfn._apply_jsonata_template(reader["Arguments"], state_input, seen)
            place = f"arn:aws:s3:::{reader['Arguments']['Bucket']}/{reader['Arguments']['Key']}"
            if not self.may_read(place):
                raise self.sfn._ExecutionError("States.ItemReaderFailed", f"Access Denied: {place}")
            label = execution["name"]
            plain = {**state, "ItemReader": reader, "Label": label}
            run = Run(iterator["States"], plain.pop("ItemSelector", None), state_input)
            key = f"{execution['stateMachineArn']}/{label}"
            self._running[key] = run
            children = submit(original, plain, state_input, *rest)
            children.add_done_callback(lambda _: self._over(key))
            run.over.wait()
            if run.failed:
                message = "The specified tolerated failure threshold was exceeded"
                raise self.sfn._ExecutionError("States.ExceedToleratedFailureThreshold", message)
            results, following = children.result()
            output = self.sfn._apply_jsonata_output(state, state_input, seen, result=results, default=results)
            self.sfn._apply_state_assign(state, state_input, context, result=results)
            return output, following

        return run

    def _over(self, key: str) -> None:
        self._running.pop(key).over.set()

    def start_nothing_more(self, original: Untyped) -> Untyped:
        """Wrap the call of a function or a service: a child that was aborted makes none."""

        def invoke(resource: str, arguments: Untyped) -> Untyped:
            run = _run.get()
            if run is not None and run.failed:
                raise ExecutionStopped
            return original(resource, arguments)

        return invoke

    def run_child(self, original: Untyped) -> Untyped:
        """Wrap the run of one child, and of what runs within it."""

        def run_child(
            states: Untyped, start: Untyped, item: Untyped, execution: Untyped, context: Untyped
        ) -> Untyped:
            run = self._running.get(execution["stateMachineArn"])
            if run is None or states is not run.states:
                return original(states, start, item, execution, context)
            context["variables"] = {}
            if run.selector:
                item = self.sfn._apply_jsonata_template(run.selector, run.state_input, context)
            _run.set(run)
            try:
                result = original(states, start, item, execution, context)
            except self.sfn._ExecutionError:
                if not run.failed:
                    run.failed = True
                    run.over.set()
                    raise
            except ExecutionStopped:
                pass
            else:
                if not run.failed:
                    return result
            execution["status"] = "ABORTED"
            raise ExecutionStopped

        return run_child


def submit(call: Untyped, *arguments: Untyped) -> Future[Untyped]:
    """Call something in a thread of its own, which goes on even after the caller stops waiting."""
    pool = ThreadPoolExecutor(1)
    submitted = pool.submit(copy_context().run, call, *arguments)
    pool.shutdown(wait=False)
    return submitted


@dataclass
class Run:
    """One Map on its way."""

    states: Untyped
    selector: Untyped
    state_input: Untyped
    failed: bool = False
    over: threading.Event = field(default_factory=threading.Event)


# That of the child whose state this thread runs.
_run: ContextVar[Run | None] = ContextVar("latchkey_map_run", default=None)
