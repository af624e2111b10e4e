"""Calls that the SDK of Lambda's runtime does not know are found before a deployment."""

from typing import Any

import pytest
from botocore.model import OperationNotFoundError

from tests.unit import stack as simulated
from tests.unit.stack import Stack

# Without its types: they know no more than the runtime.
SES: Any = simulated.SES


def test_a_parameter_that_is_too_new_is_found(stack: Stack) -> None:
    stack.answer("SendEmail", {"MessageId": "1"})
    SES.send_email(Content={"Raw": {"Data": b""}})
    with pytest.raises(AssertionError, match='Unknown parameter in input: "ConfigurationOverrides"'):
        SES.send_email(Content={"Raw": {"Data": b""}}, ConfigurationOverrides={})


def test_an_operation_that_is_too_new_is_found(stack: Stack) -> None:
    stack.answer("UpdateConfigurationSet", {})
    with pytest.raises(OperationNotFoundError):
        SES.update_configuration_set(ConfigurationSetName="any")
