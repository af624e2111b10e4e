"""The Parameter Store adapter: where a claim and its task token wait, and who takes them."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from latchkey import ssm
from latchkey.claims import Handle, hash_link_secret, user_key
from latchkey.errors import (
    AccessDeniedError,
    LatchkeyError,
    ResetInProgressError,
    ServiceUnavailableError,
    ThrottledError,
)
from tests.unit.stack import (
    ALICE,
    EXECUTION,
    EXPIRY,
    HANDLE,
    LINK_SECRET,
    NOW,
    PASSWORD,
    SSM,
    TASK_TOKEN,
    Stack,
)

BOB = "bob@example.com"


def describe(name: str) -> Mapping[str, object]:
    return SSM.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"][0]


def test_claim_and_token_wait_in_the_folder_of_their_handle() -> None:
    folder = f"/latchkey-test/claims/{user_key(ALICE)}/{HANDLE}"
    assert ssm.claim_name(HANDLE) == f"{folder}/claim"
    assert ssm.token_name(HANDLE) == f"{folder}/token"


def test_a_claim_is_encrypted_under_the_stacks_own_key(stack: Stack) -> None:
    described = describe(ssm.claim_name(stack.store_claim()))
    assert (described["Type"], described["KeyId"]) == ("SecureString", os.environ["CLAIM_KEY_ARN"])


def test_a_claim_is_of_the_tier_that_knows_expiration(stack: Stack) -> None:
    assert describe(ssm.claim_name(stack.store_claim()))["Tier"] == "Advanced"


def expiration_of(call: dict[str, Any]) -> dict[str, Any]:
    (policy,) = json.loads(call["Policies"])
    assert isinstance(policy, dict)
    return policy


def test_a_claim_carries_an_expiration_policy(stack: Stack) -> None:
    stack.store_claim()
    policy = expiration_of(stack.sent("PutParameter")[0])
    assert (policy["Type"], policy["Version"], policy["Attributes"].keys()) == (
        "Expiration",
        "1.0",
        {"Timestamp"},
    )


def test_the_expiration_is_spelled_as_parameter_store_reads_it(stack: Stack) -> None:
    # ISO_INSTANT, one of the two documented forms:
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
    stack.store_claim()
    timestamp = expiration_of(stack.sent("PutParameter")[0])["Attributes"]["Timestamp"]
    assert timestamp == "2100-01-02T00:00:00.000Z"


def test_parameter_store_keeps_a_claim_long_enough_for_workflow_and_cleanup_to_revoke_it(
    stack: Stack,
) -> None:
    stack.store_claim()
    timestamp = expiration_of(stack.sent("PutParameter")[0])["Attributes"]["Timestamp"]
    assert datetime.fromisoformat(timestamp) - EXPIRY >= timedelta(hours=2)


def test_a_claim_is_read_as_it_was_stored(stack: Stack) -> None:
    claim, _ = ssm.read_claim(stack.store_claim())
    assert claim is not None
    assert (claim.user, claim.execution, claim.expires_at) == (ALICE, EXECUTION, EXPIRY)
    assert (claim.secret_sha256, claim.password) == (hash_link_secret(LINK_SECRET), PASSWORD)


def test_the_link_secret_is_stored_nowhere(stack: Stack) -> None:
    stack.store_claim()
    assert LINK_SECRET not in json.dumps([parameter["Value"] for parameter in stack.parameters().values()])


def test_a_retry_overwrites_its_own_claim(stack: Stack) -> None:
    stack.store_claim()
    stack.store_claim(execution="another")
    claim, _ = ssm.read_claim(HANDLE)
    assert claim is not None
    assert (claim.execution, len(stack.claims())) == ("another", 1)


def test_a_claim_is_read_with_its_token_in_one_call(stack: Stack) -> None:
    stack.store_claim()
    stack.store_token(token="the-token")
    stack.calls.clear()
    _, token = ssm.read_claim(HANDLE)
    assert (token, stack.operations()) == ("the-token", ["GetParameters"])


@pytest.mark.usefixtures("stack")
def test_where_nothing_waits_nothing_is_read() -> None:
    assert ssm.read_claim(HANDLE) == (None, None)


def test_a_claim_waits_before_its_token_does(stack: Stack) -> None:
    claim, token = ssm.read_claim(stack.store_claim())
    assert (claim is None, token) == (False, None)


def test_a_token_may_wait_without_a_claim(stack: Stack) -> None:
    assert ssm.read_claim(stack.store_token()) == (None, "task-token")


def test_a_claim_is_taken_once(stack: Stack) -> None:
    stack.store_claim()
    assert [ssm.take_claim(HANDLE), ssm.take_claim(HANDLE)] == [True, False]


def test_taking_a_claim_takes_its_token_along_in_one_call(stack: Stack) -> None:
    stack.store_claim()
    stack.store_token()
    stack.calls.clear()
    ssm.take_claim(HANDLE)
    assert stack.operations() == ["DeleteParameters"]
    assert stack.parameters() == {}


def test_taking_a_token_alone_is_taking_no_claim(stack: Stack) -> None:
    assert not ssm.take_claim(stack.store_token())


def test_taking_a_claim_leaves_every_other_one(stack: Stack) -> None:
    other = stack.store_claim(Handle.of(ALICE, "another", EXPIRY))
    ssm.take_claim(stack.store_claim())
    assert stack.claims() == {ssm.claim_name(other)}


def test_what_waits_is_found_over_many_pages(stack: Stack) -> None:
    handles = [Handle.of(ALICE, f"execution-{n}", EXPIRY) for n in range(12)]
    for handle in handles:
        stack.store_token(stack.store_claim(handle))
    stack.calls.clear()
    assert ssm.waiting(user_key(ALICE)) == {handle: {"claim", "token"} for handle in handles}
    assert len(stack.operations()) > 1


def test_what_waits_is_told_by_kind(stack: Stack) -> None:
    claimed = stack.store_token(Handle.of(ALICE, "claimed", EXPIRY))
    unclaimed = stack.store_claim(Handle.of(ALICE, "waiting", EXPIRY))
    assert ssm.waiting(user_key(ALICE)) == {claimed: {"token"}, unclaimed: {"claim"}}


def test_what_waits_is_one_users(stack: Stack) -> None:
    stack.store_claim(Handle.of(BOB, EXECUTION, EXPIRY))
    assert ssm.waiting(user_key(ALICE)) == {}


def test_listing_decrypts_nothing(stack: Stack) -> None:
    stack.store_claim()
    ssm.waiting(user_key(ALICE))
    assert [call["WithDecryption"] for call in stack.sent("GetParametersByPath")] == [False]


def test_neither_a_lock_nor_a_stray_parameter_is_taken_for_a_claim(stack: Stack) -> None:
    ssm.take_lock(ALICE, EXECUTION, "reset")
    name = f"{os.environ['CLAIMS_PATH']}/{user_key(ALICE)}/note/claim"
    SSM.put_parameter(Name=name, Type="String", Value="by hand")
    assert ssm.waiting(user_key(ALICE)) == {}
    assert stack.operations()[-1] == "GetParametersByPath"


def test_superseding_returns_the_token_of_a_reset_that_waits(stack: Stack) -> None:
    stack.store_token(stack.store_claim())
    assert ssm.supersede_claim(HANDLE) == TASK_TOKEN
    assert set(stack.parameters()) == {ssm.token_name(HANDLE)}
    assert not ssm.is_superseded(HANDLE)


def test_superseding_marks_a_reset_that_does_not_wait_yet(stack: Stack) -> None:
    stack.store_claim()
    assert ssm.supersede_claim(HANDLE) is None
    assert stack.claims() == set()
    assert ssm.is_superseded(HANDLE)


def test_superseding_again_leaves_the_mark(stack: Stack) -> None:
    stack.store_claim()
    assert [ssm.supersede_claim(HANDLE), ssm.supersede_claim(HANDLE)] == [None, None]
    assert ssm.is_superseded(HANDLE)


@pytest.mark.usefixtures("stack")
def test_the_lock_is_one_executions() -> None:
    assert ssm.take_lock(ALICE, EXECUTION, "reset") == "reset"
    assert ssm.holds_lock(ALICE, EXECUTION)
    with pytest.raises(ResetInProgressError, match=EXECUTION):
        ssm.take_lock(ALICE, "another", "reset")


@pytest.mark.usefixtures("stack")
def test_the_lock_remembers_what_it_was_taken_for() -> None:
    ssm.take_lock(ALICE, EXECUTION, "reset")
    assert ssm.take_lock(ALICE, EXECUTION, "revoke") == "reset"


@pytest.mark.usefixtures("stack")
def test_the_lock_is_for_a_user_however_spelled() -> None:
    ssm.take_lock(ALICE, EXECUTION, "reset")
    with pytest.raises(ResetInProgressError):
        ssm.take_lock(ALICE.upper(), "another", "reset")
    assert ssm.take_lock(BOB, "another", "reset") == "reset"


def test_only_its_holder_releases_the_lock(stack: Stack) -> None:
    ssm.take_lock(ALICE, EXECUTION, "reset")
    ssm.release_lock(ALICE, "another")
    assert ssm.holds_lock(ALICE, EXECUTION)
    ssm.release_lock(ALICE, EXECUTION)
    assert stack.parameters() == {}


def store(stack: Stack) -> None:
    stack.store_claim(Handle.of(ALICE, EXECUTION, NOW))


CALLS: dict[str, Callable[[Stack], object]] = {
    "PutParameter": store,
    "GetParameters": lambda _stack: ssm.read_claim(HANDLE),
    "DeleteParameters": lambda _stack: ssm.take_claim(HANDLE),
    "GetParametersByPath": lambda _stack: ssm.waiting(user_key(ALICE)),
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
        CALLS[operation](stack)
    assert PASSWORD not in str(raised.value)


def test_moments_are_stored_in_utc(stack: Stack) -> None:
    claim, _ = ssm.read_claim(stack.store_claim())
    assert claim is not None
    assert claim.expires_at.tzinfo is UTC
