"""Holds what the functions ask of AWS against the SDK of Lambda's runtime, which is older than ours."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.client import BaseClient
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from local.emulator.patches.functions import RUNTIME


def check_call(client: BaseClient, operation: str, parameters: Mapping[str, Any]) -> None:
    """Raise AssertionError where the runtime's SDK does not know all parameters of a call.

    Raises botocore's OperationNotFoundError where it does not know the operation.
    """
    service = _service(client.meta.service_model.service_name)
    shape = service.operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape).generate_report() if shape else ""
    # What is required and missing may be what the SDK adds by itself.
    unknown = [line for line in report.splitlines() if line.startswith("Unknown parameter")]
    assert not unknown, f"Lambda's runtime cannot call {operation} so: {unknown}"


@cache
def _service(name: str) -> ServiceModel:
    (data,) = RUNTIME.glob("lib/python3.*/site-packages/botocore/data")
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model(name, "service-2"), name)
