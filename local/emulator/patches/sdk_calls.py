"""Step Functions: what a state machine may call, and what its calls meet.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/app.py
    `call_service_handler_sync`
https://github.com/ministackorg/ministack/blob/main/ministack/services/stepfunctions.py
    `_call_lambda`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from local.emulator.call_log import CallLog, Operation, Request, identify, principal_name
from local.emulator.patches.base import Untyped, module, replace
from local.emulator.patches.executions import Execution, current_execution
from local.emulator.patches.key_policies import uses_in_s3
from local.emulator.patches.permissions import Checked
from local.emulator.responses import error_answer, fault_answer

if TYPE_CHECKING:
    from local.emulator.faults import Fault, Faults
    from local.emulator.responses import Response

_NAMESPACE = re.compile(rb' xmlns="[^"]*"')
_INVOKE = Operation("lambda", "lambda", "Invoke")
_GET_OBJECT = Operation("s3", "s3", "GetObject")


def apply(faults: Faults, calls: CallLog) -> Watch:
    """Apply the patches of this module; the others ask what a state machine may do. Raises PatchError."""
    sfn = module("services.stepfunctions", "_ExecutionError", "get_account_id", "get_region")
    module("core.iam_evaluator", "enforce")
    module("core.iam_actions", "extract_resource_arn")
    module("services.sts", "register_session")
    module("services.lambda_svc", "_get_func_record_for_ref")
    watch = Watch(sfn, faults, calls)
    replace(module("app"), "call_service_handler_sync", watch.service_calls)
    replace(sfn, "_call_lambda", watch.invocations)
    return watch


@dataclass(frozen=True)
class Watch:
    """AWS: a state machine acts under its own role. MiniStack lets it do anything.

    The same hooks meet faults and keep the call log, as the gateway does for calls by HTTP.
    """

    sfn: Untyped
    faults: Faults
    calls: CallLog

    def service_calls(self, original: Untyped) -> Untyped:
        """Wrap the calls of SDK integrations."""

        def call(
            handler: Untyped,
            method: str,
            path: str,
            headers: dict[str, str],
            body: str | bytes,
            *rest: Untyped,
        ) -> Untyped:
            def proceed() -> Untyped:
                return original(handler, method, path, headers, body, *rest)

            execution = current_execution()
            if execution is None:
                return proceed()
            sent = body.encode() if isinstance(body, str) else body
            request = Request(method, path, headers, rest[0] if rest else {}, sent)
            operation = identify(request)
            started = time.time()
            answer = self._refusal(execution, operation, self._resource(operation, request), headers)
            if answer is None:
                answer = self._fault(self.faults.take(operation, sent), operation, headers, proceed)
            response = proceed() if answer is None else (answer.status, dict(answer.headers), answer.body)
            if response[0] >= HTTPStatus.BAD_REQUEST:
                # Of query errors MiniStack's Step Functions reads only those that name no namespace.
                response = response[0], response[1], _NAMESPACE.sub(b"", _bytes(response[2]), count=1)
            self.calls.add(started, operation, principal_name(execution.role_arn), response[0], response[2])
            return response

        return call

    def invocations(self, original: Untyped) -> Untyped:
        """Wrap the invocation of functions."""

        def invoke(name: str, event: Untyped) -> Untyped:
            def proceed() -> Untyped:
                return original(name, event)

            execution = current_execution()
            if execution is None:
                return proceed()
            started = time.time()
            _, config, function = module("services.lambda_svc")._get_func_record_for_ref(name)
            arn = str((config or {}).get("FunctionArn", function))
            answer = self._refusal(execution, _INVOKE, arn, {})
            fault = None
            if answer is None:
                fault = self.faults.take(
                    _INVOKE, json.dumps({"FunctionName": function, "Payload": event}).encode()
                )
                answer = self._fault(fault, _INVOKE, {}, proceed)
            status, head = (answer.status, answer.body) if answer else (HTTPStatus.OK, b"")
            self.calls.add(started, _INVOKE, principal_name(execution.role_arn), status, head)
            if answer is None:
                return proceed()
            if fault is None:
                raise self.sfn._ExecutionError("Lambda.AWSLambdaException", head.decode())
            error = fault.error or "SdkClientException"
            raise self.sfn._ExecutionError(error if "." in error else f"Lambda.{error}", fault.message)

        return invoke

    def may_read(self, arn: str) -> bool:
        """Say whether the state machine that this thread runs may read an object of S3."""
        execution = current_execution()
        resource = Checked([arn]).using(uses_in_s3("GET", arn))
        return execution is None or self._refusal(execution, _GET_OBJECT, resource, {}) is None

    def _resource(self, operation: Operation, request: Request) -> str:
        actions = module("core.iam_actions")
        # Not made a plain text of: it may carry condition keys.
        resource: str = actions.extract_resource_arn(
            operation.service,
            request.method,
            request.path,
            request.headers,
            request.body,
            request.routing_query,
            self.sfn.get_region(),
            self.sfn.get_account_id(),
        )
        return resource

    def _refusal(
        self, execution: Execution, operation: Operation, resource: str, headers: dict[str, str]
    ) -> Response | None:
        """Ask IAM whether the state machine's role may do this; answer only when it may not."""
        action = (
            "lambda:InvokeFunction" if operation is _INVOKE else f"{operation.service}:{operation.action}"
        )
        role = principal_name(execution.role_arn)
        session = {
            "Arn": f"arn:aws:sts::{self.sfn.get_account_id()}:assumed-role/{role}/StepFunctions",
            "UserId": f"{role}:StepFunctions",
            "SecretAccessKey": "never used to sign",
        }
        key = f"ASIA{hashlib.sha256(execution.role_arn.encode()).hexdigest()[:16].upper()}"
        module("services.sts").register_session(key, session)
        denied = module("core.iam_evaluator").enforce(
            key, action, operation.service, self.sfn.get_region(), resource_arn=resource
        )
        if not denied:
            return None
        message = f"User: {session['Arn']} is not authorized to perform: {action} on resource: {resource}"
        return error_answer(operation.api, "AccessDenied", message, HTTPStatus.FORBIDDEN, headers)

    @staticmethod
    def _fault(
        fault: Fault | None, operation: Operation, headers: dict[str, str], proceed: Untyped
    ) -> Response | None:
        """Let a call meet its fault; answer only when the fault does."""
        if fault is None:
            return None
        # This is an execution's own thread.
        time.sleep(fault.delay_seconds)
        if not fault.answers:
            return None
        if fault.late:
            proceed()
        if fault.crash:
            return error_answer(operation.api, "SdkClientException", "No answer", fault.status, headers)
        return fault_answer(fault, operation, headers)


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body
