"""The Parameter Store adapter: where a password waits for its link, and for how long."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from latchkey.adapters import ssm
from latchkey.domain.claims import reset_key
from latchkey.errors import (
    AccessDeniedError,
    ClaimGoneError,
    LatchkeyError,
    ServiceUnavailableError,
    ThrottledError,
)
from tests.unit.stack import CLAIM_KEY, EXECUTION, EXPIRY, PASSWORD, SSM, Stack

NAME = f"/latchkey/latchkey-test/passwords/{reset_key(EXECUTION)}"


@pytest.fixture
def stored(stack: Stack) -> Stack:
    ssm.store_password(EXECUTION, PASSWORD, "hash", EXPIRY, CLAIM_KEY)
    return stack


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that would have been slept."""
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


def describe() -> Mapping[str, object]:
    return SSM.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [NAME]}])["Parameters"][0]


def test_a_password_waits_below_the_stacks_own_path(stored: Stack) -> None:
    assert stored.passwords() == {NAME: PASSWORD}
    assert ssm.password_parameter(EXECUTION) == NAME


@pytest.mark.usefixtures("stored")
def test_a_password_is_encrypted_under_the_stacks_own_key() -> None:
    assert (describe()["Type"], describe()["KeyId"]) == ("SecureString", os.environ["CLAIM_KEY_ARN"])


@pytest.mark.usefixtures("stored")
def test_a_password_is_of_the_tier_that_knows_expiration() -> None:
    assert describe()["Tier"] == "Advanced"


def expiration_of(call: dict[str, Any]) -> dict[str, Any]:
    (policy,) = json.loads(call["Policies"])
    assert isinstance(policy, dict)
    return policy


def test_a_password_carries_an_expiration_policy(stored: Stack) -> None:
    policy = expiration_of(stored.sent("PutParameter")[0])
    assert (policy["Type"], policy["Version"], policy["Attributes"].keys()) == (
        "Expiration",
        "1.0",
        {"Timestamp"},
    )


@pytest.mark.usefixtures("stack")
def test_the_expiration_is_spelled_as_parameter_store_reads_it(stack: Stack) -> None:
    # ISO_INSTANT, one of the two documented forms:
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
    ssm.store_password(EXECUTION, PASSWORD, "hash", datetime.fromisoformat("2100-01-01T00:00:00Z"), CLAIM_KEY)
    timestamp = expiration_of(stack.sent("PutParameter")[0])["Attributes"]["Timestamp"]
    assert timestamp == "2100-01-02T00:00:00.000Z"


def test_parameter_store_keeps_a_password_long_enough_for_workflow_and_cleanup(stored: Stack) -> None:
    timestamp = expiration_of(stored.sent("PutParameter")[0])["Attributes"]["Timestamp"]
    assert datetime.fromisoformat(timestamp) - EXPIRY >= timedelta(hours=2)


def test_a_retry_overwrites_its_own_password(stored: Stack) -> None:
    ssm.store_password(EXECUTION, "Another-1", "hash", EXPIRY, CLAIM_KEY)
    assert stored.passwords() == {NAME: "Another-1"}


def test_a_password_is_read_in_one_call(stored: Stack) -> None:
    stored.calls.clear()
    assert ssm.read_password(EXECUTION, "hash") == PASSWORD
    assert stored.operations() == ["GetParameter"]


def test_a_password_that_is_not_there_yet_is_waited_for(stored: Stack, pauses: list[float]) -> None:
    # Parameter Store is eventually consistent.
    stored.refuse("GetParameter", "ParameterNotFound")
    assert ssm.read_password(EXECUTION, "hash") == PASSWORD
    assert pauses == [0, 0.1]


@pytest.mark.parametrize("other", ["", "hash:", "another"])
@pytest.mark.usefixtures("stored")
def test_a_password_waits_for_one_link_whatever_the_registry_says(pauses: list[float], other: str) -> None:
    with pytest.raises(ClaimGoneError):
        ssm.read_password(EXECUTION, other)
    assert pauses == [0]


@pytest.mark.parametrize("proof", ["hash", ""])
def test_a_password_that_does_not_come_is_gone(stack: Stack, pauses: list[float], proof: str) -> None:
    with pytest.raises(ClaimGoneError):
        ssm.read_password(EXECUTION, proof)
    assert len(stack.operations()) == len(pauses)
    assert sum(pauses) < 5


def test_a_password_is_deleted_and_may_be_gone_already(stored: Stack) -> None:
    ssm.delete_password(EXECUTION)
    assert stored.passwords() == {}
    ssm.delete_password(EXECUTION)
    assert stored.sent("DeleteParameter") == [{"Name": NAME}] * 2


def test_another_resets_password_stays(stored: Stack) -> None:
    ssm.store_password("another", "Another-1", "hash", EXPIRY, CLAIM_KEY)
    ssm.delete_password(EXECUTION)
    assert list(stored.passwords().values()) == ["Another-1"]


CALLS: dict[str, Callable[[], object]] = {
    "PutParameter": lambda: ssm.store_password(EXECUTION, PASSWORD, "hash", EXPIRY, CLAIM_KEY),
    "GetParameter": lambda: ssm.read_password(EXECUTION, "hash"),
    "DeleteParameter": lambda: ssm.delete_password(EXECUTION),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("ThrottlingException", 400, ThrottledError),
        ("TooManyUpdates", 400, ThrottledError),
        ("AccessDeniedException", 400, AccessDeniedError),
        ("InternalServerError", 500, ServiceUnavailableError),
    ],
)
def test_what_parameter_store_means_by_a_refusal(
    stack: Stack, operation: str, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    stack.refuse(operation, code, status)
    with pytest.raises(meaning, match="Could not") as raised:
        CALLS[operation]()
    assert PASSWORD not in str(raised.value)
