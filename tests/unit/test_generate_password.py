"""GeneratePassword makes the password and the link secret, and shows them to no one."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from latchkey.adapters import kms
from latchkey.adapters.kms import Secrets
from latchkey.errors import AccessDeniedError, ThrottledError
from reset.generate_password import Result, handler
from tests.unit.stack import ALICE, CONTEXT, EXECUTION, IAM, Stack

pytestmark = pytest.mark.usefixtures("sealing_stack")


def generate() -> Result:
    return handler({"execution": EXECUTION, "user": ALICE}, CONTEXT)


def opened(result: Result) -> Secrets:
    return kms.unseal(result["sealed"], EXECUTION, ALICE, os.environ["CLAIM_KEY_ARN"])


def test_the_result_is_one_sealed_value() -> None:
    assert generate().keys() == {"sealed"}


def test_the_password_has_the_stacks_length() -> None:
    assert len(opened(generate()).password) == 20


def test_the_password_is_as_long_as_the_account_demands() -> None:
    IAM.update_account_password_policy(MinimumPasswordLength=42)
    assert len(opened(generate()).password) == 42


def test_the_link_secret_has_43_characters() -> None:
    assert len(opened(generate()).link_secret) == 43


def test_no_two_resets_share_a_secret() -> None:
    first, second = (opened(generate()) for _ in range(2))
    assert len({first.password, second.password, first.link_secret, second.link_secret}) == 4


def test_neither_secret_is_returned_or_logged(lines: Callable[[], list[dict[str, Any]]]) -> None:
    result = generate()
    secrets = opened(result)
    shown = json.dumps([result, *lines()])
    assert secrets.password not in shown
    assert secrets.link_secret not in shown


def test_an_unreadable_policy_is_not_guessed(stack: Stack) -> None:
    stack.refuse("GetAccountPasswordPolicy", "Throttling")
    with pytest.raises(ThrottledError):
        generate()


def test_without_the_key_there_is_no_result(stack: Stack) -> None:
    stack.refuse("Encrypt", "AccessDeniedException")
    with pytest.raises(AccessDeniedError):
        generate()
