"""Lambda: what a Python function sees, and how it fails.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/core/lambda_runtime.py
    `_detect_runtime_binary`, `_PYTHON_WORKER_SCRIPT`
https://github.com/ministackorg/ministack/blob/main/ministack/services/lambda_svc.py
    `_execute_function_warm`
https://github.com/ministackorg/ministack/blob/main/ministack/services/apigateway_v1.py
    `_lambda_proxy_response`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

from typing import Any

from local import ROOT
from local.emulator.patches.base import PatchError, Untyped, module, replace

#: Made by `make .venv/ready` of local/runtime.txt.
RUNTIME = ROOT / ".venv" / "lambda"

_RAISED = "latchkey-raised"
_DIED = "Worker process died"
# What its worker writes when the handler raised, and what it writes instead: on AWS the runtime lives on.
_OLD = """json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()})"""
_NEW = f"""json.dumps({{"status": "ok", "result": {{"{_RAISED}": {{
                "errorMessage": str(e),
                "errorType": type(e).__name__,
                "stackTrace": traceback.format_tb(e.__traceback__),
            }}}}}})"""


def apply() -> None:
    """Apply the patches of this module. Raises PatchError."""
    _show_what_lambda_shows()
    _name_the_exception()
    _hide_the_error_from_the_caller()


def _show_what_lambda_shows() -> None:
    """AWS: a function sees its package and what the runtime carries. MiniStack shows it our own packages."""
    python = RUNTIME / "bin" / "python"
    if not python.exists():
        raise PatchError(f"There is no {python}: make .venv/ready")

    def wrap(original: Untyped) -> Untyped:
        def detect(runtime: str) -> tuple[str, str]:
            found, worker = original(runtime)
            return (str(python) if runtime.startswith("python") else found), worker

        return detect

    replace(module("core.lambda_runtime"), "_detect_runtime_binary", wrap)


def _name_the_exception() -> None:
    """AWS: a function that raises ends with `errorType`, the exception's class, which Retry and Catch match.

    It keeps its process, and one that ends its process fails with `Runtime.ExitError`. MiniStack calls every
    error `Runtime.HandlerError` and ends the process.
    """
    runtime = module("core.lambda_runtime", "_PYTHON_WORKER_SCRIPT")
    if _OLD not in runtime._PYTHON_WORKER_SCRIPT:
        raise PatchError(
            "MiniStack's Python worker reports exceptions in another way; review local/emulator/patches"
        )
    runtime._PYTHON_WORKER_SCRIPT = runtime._PYTHON_WORKER_SCRIPT.replace(_OLD, _NEW)

    def wrap(original: Untyped) -> Untyped:
        def execute(*arguments: Untyped) -> Untyped:
            return aws_result(original(*arguments))

        return execute

    replace(module("services.lambda_svc"), "_execute_function_warm", wrap)


def aws_result(result: dict[str, Any]) -> dict[str, Any]:
    """Give an invocation's result the error that AWS gives."""
    body = result.get("body")
    if not isinstance(body, dict):
        return result
    raised = body.get(_RAISED)
    if raised:
        line = (
            f"[ERROR] {raised['errorType']}: {raised['errorMessage']}\nTraceback (most recent call last):\n"
        )
        log = "\n".join(filter(None, [result.get("log"), line + "".join(raised["stackTrace"])]))
        return {"body": raised, "error": True, "log": log}
    if result.get("error") and body.get("errorMessage") == _DIED:
        exited = {"errorMessage": "Error: Runtime exited", "errorType": "Runtime.ExitError"}
        return {**result, "body": exited}
    return result


def _hide_the_error_from_the_caller() -> None:
    """AWS: API Gateway answers for a function that failed without telling why. MiniStack shows the error."""

    def wrap(original: Untyped) -> Untyped:
        def shape(result: Untyped) -> Untyped:
            response, error = original(result)
            return response, "Internal server error" if error else error

        return shape

    replace(module("services.apigateway_v1"), "_lambda_proxy_response", wrap)
