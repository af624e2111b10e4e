"""What happens to functions of the local cloud above the number that an account may run at once."""

from typing import Any

import pytest

from local.emulator.patches import concurrency
from local.emulator.patches.base import module

RECORD: dict[str, Any] = {"config": {"FunctionName": "f", "Runtime": "python3.13"}, "code_zip": None}


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401  # MiniStack carries no types
    """Return MiniStack's Lambda, patched for one test."""
    service = module("services.lambda_svc")
    for name in ("_throttle_response", "_ACCOUNT_CONCURRENCY_CAP", "_inflight_total"):
        monkeypatch.setattr(service, name, getattr(service, name))
    gateway = module("services.apigateway_v1")
    monkeypatch.setattr(gateway, "_call_lambda_raw", gateway._call_lambda_raw)  # noqa: SLF001  # it has no public way in
    concurrency.apply()
    return service


def test_a_function_above_the_limit_is_throttled_as_step_functions_calls_it(
    functions: Any,  # noqa: ANN401  # as above
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    concurrency.limit(10)
    monkeypatch.setattr(functions, "_inflight_total", 10)
    result = functions._execute_function(RECORD, {})  # noqa: SLF001  # what everybody calls a function by
    assert (result["throttle"], result["body"]["errorType"]) == (True, "Lambda.TooManyRequestsException")


def test_below_the_limit_and_without_one_it_runs(
    functions: Any,  # noqa: ANN401  # as above
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    concurrency.limit(10)
    monkeypatch.setattr(functions, "_inflight_total", 9)
    assert "throttle" not in functions._execute_function(RECORD, {})  # noqa: SLF001  # as above
    concurrency.limit(None)
    monkeypatch.setattr(functions, "_inflight_total", 10)
    assert "throttle" not in functions._execute_function(RECORD, {})  # noqa: SLF001  # as above


@pytest.mark.parametrize(
    ("result", "expected"),
    [({"throttle": True, "body": {}}, (None, "throttled")), ({"body": "{}"}, ({"body": "{}"}, None))],
    ids=["throttled", "not throttled"],
)
def test_to_the_api_a_throttled_function_is_one_that_cannot_be_called(
    monkeypatch: pytest.MonkeyPatch, result: dict[str, Any], expected: object
) -> None:
    async def call(*_: object) -> tuple[dict[str, Any], None]:
        return result, None

    gateway = module("services.apigateway_v1")
    monkeypatch.setattr(gateway, "_call_lambda_raw", call)
    service = module("services.lambda_svc")
    monkeypatch.setattr(service, "_throttle_response", service._throttle_response)  # noqa: SLF001  # as above
    concurrency.apply()
    # It awaits nothing, and so needs no loop.
    with pytest.raises(StopIteration) as answered:
        gateway._call_lambda_raw("f", {}).send(None)  # noqa: SLF001  # as above
    assert answered.value.value == expected
