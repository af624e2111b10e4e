"""Lambda: how many functions run at once.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/lambda_svc.py
    `_throttle_response`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

from typing import Any

from local.emulator.patches.base import Untyped, module, replace


def apply() -> None:
    """Apply the patches of this module. Raises PatchError."""
    _fail_tasks_by_its_name()
    _answer_requests_with_500()


def _fail_tasks_by_its_name() -> None:
    """AWS: a task whose function is throttled fails with `Lambda.TooManyRequestsException`.

    https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
    MiniStack calls it `Lambda.Unknown`.
    """

    def wrap(original: Untyped) -> Untyped:
        def throttled(*arguments: Untyped, **named: Untyped) -> Any:  # noqa: ANN401  # MiniStack carries no types
            result = original(*arguments, **named)
            result["body"] |= {"errorType": "Lambda.TooManyRequestsException"}
            return result

        return throttled

    replace(module("services.lambda_svc", "_ACCOUNT_CONCURRENCY_CAP"), "_throttle_response", wrap)


def _answer_requests_with_500() -> None:
    """AWS: API Gateway answers a request whose function is throttled with 500, Internal server error.

    https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway-errors.html
    MiniStack passes Lambda's 429 on. For a function that it cannot call it has the right answer.
    """

    def wrap(original: Untyped) -> Untyped:
        async def call(*arguments: Untyped, **named: Untyped) -> Untyped:
            result, error = await original(*arguments, **named)
            return (None, "throttled") if result and result.get("throttle") else (result, error)

        return call

    replace(module("services.apigateway_v1", "_call_lambda_raw"), "_call_lambda_raw", wrap)


def limit(functions: int | None) -> None:
    """Limit how many functions run at once in the account; None: as many as this machine can run.

    A new account has ten: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    service = module("services.lambda_svc", "_ACCOUNT_CONCURRENCY_CAP", "_default_account_concurrency")
    service._ACCOUNT_CONCURRENCY_CAP = functions or service._default_account_concurrency()
