"""DynamoDB decides every transition as the rules do, for an item in any state."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from botocore.exceptions import ConnectionError as LostConnection

from latchkey.adapters import registry, table
from latchkey.domain import resets
from latchkey.domain.claims import item_id, user_key
from latchkey.domain.resets import Attempt, Item, Phase, Reset, Transition
from latchkey.errors import (
    ClaimGoneError,
    ClaimNotReadyError,
    LatchkeyError,
    ResetInProgressError,
    SupersededError,
    ThrottledError,
)
from tests.unit.stack import DYNAMODB, REQUEST_WINDOW, Stack
from tests.unit.transition_rules import allows, refusal
from tools.asl import read_definition, read_template

ROOT = Path(__file__).parents[2]
KEY, NOW, DAY = "key", 1000, timedelta(days=1)
OWN = Reset(execution="own", phase=Phase.RESETTING, user="alice", begun_at=NOW, secret_sha256="hash")
ATTEMPT = Attempt(execution="own", actor="own", now=NOW, secret_sha256="hash")
#: Between them the values at which a condition turns.
TIMES = (NOW - 1, NOW, NOW + 1)


def keep(item: Item) -> None:
    """Put an item into the table, as it is."""
    found = {name: asdict(value) for name in ("current", "older") if (value := getattr(item, name))}
    due = {"due_at": item.due_at} if item.due_at else {}
    table.put({"id": item_id(KEY), **found, **due})


def items(transition: Transition) -> list[Item]:
    """Return an item in every state that a transition's condition can tell apart."""
    guarded = transition.guard in {resets.Guard.FREE, resets.Guard.HELD}
    undoers = ("", "own", "cleanup") if guarded else ("",)
    found = [Item()]
    for phase, execution in product(Phase, ("own", "other")):
        secret = "hash" if execution == "own" else "another"
        current = replace(OWN, phase=phase, execution=execution, secret_sha256=secret)
        turning = execution == "own" and phase in transition.own
        match transition.guard if turning else None:
            case resets.Guard.LINK:
                found += [Item(current=replace(current, expires_at=each)) for each in TIMES]
            case resets.Guard.FREE | resets.Guard.HELD:
                for undone_by, due_at in product(undoers, (0, NOW, NOW + 1)):
                    found.append(Item(current=replace(current, undone_by=undone_by), due_at=due_at))
            case _:
                found.append(Item(current=current))
    return found


def attempt_of(transition: Transition, actor: str) -> Callable[[], object]:
    attempt = replace(ATTEMPT, actor=actor)
    match transition:
        case resets.BEGIN:
            return lambda: registry.begin(KEY, OWN)
        case resets.STORE:
            return lambda: registry.store(KEY, attempt, NOW + 60)
        case resets.CLAIM:
            return lambda: registry.claim(KEY, replace(attempt, execution=""), DAY)
        case resets.REVOKE:
            return lambda: registry.revoke(KEY, attempt)
        case resets.REVOKE_CLAIM:
            return lambda: registry.revoke_claim(KEY, replace(OWN, phase=Phase.REVOKING, undone_by=actor))
    return lambda: registry.finish(KEY, attempt)


@pytest.mark.parametrize("actor", ["own", "cleanup"])
@pytest.mark.parametrize(
    "transition",
    [each for each in resets.TRANSITIONS if each is not resets.WAIT],
    ids=lambda transition: transition.step,
)
def test_the_table_decides_as_the_rules_do(stack: Stack, transition: Transition, actor: str) -> None:
    attempt = replace(ATTEMPT, actor=actor)
    move = attempt_of(transition, actor)
    for item in items(transition):
        keep(item)
        stack.calls.clear()
        allowed = allows(transition, item, attempt)
        error = None if allowed else refusal(transition, item, attempt)
        ignored = transition is resets.FINISH and error is SupersededError
        with pytest.raises(error) if error and not ignored else nullcontext():
            move()
        after = registry.read(KEY)
        assert after.current and after.current.phase == transition.to if allowed else after == item, item
        assert stack.operations() == ["UpdateItem", "GetItem"]


REFUSED: list[tuple[Transition, str, Phase, type[LatchkeyError]]] = [
    (resets.BEGIN, "other", Phase.RESETTING, ResetInProgressError),
    (resets.BEGIN, "other", Phase.REVOKING, ResetInProgressError),
    (resets.BEGIN, "own", Phase.REVOKING, SupersededError),
    (resets.STORE, "own", Phase.REVOKING, SupersededError),
    (resets.STORE, "other", Phase.RESETTING, SupersededError),
    (resets.CLAIM, "own", Phase.STORED, ClaimNotReadyError),
    (resets.CLAIM, "own", Phase.REVOKING, ClaimGoneError),
    (resets.CLAIM, "other", Phase.WAITING, ClaimGoneError),
    (resets.REVOKE, "own", Phase.REVOKING, ResetInProgressError),
    (resets.REVOKE, "other", Phase.WAITING, SupersededError),
    (resets.REVOKE_CLAIM, "other", Phase.RESETTING, ResetInProgressError),
]


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize(("transition", "execution", "phase", "error"), REFUSED)
def test_a_refused_step_learns_whether_to_wait_or_to_end(
    transition: Transition, execution: str, phase: Phase, error: type[LatchkeyError]
) -> None:
    secret = "hash" if execution == "own" else "another"
    current = replace(
        OWN, execution=execution, phase=phase, secret_sha256=secret, expires_at=NOW + 60, undone_by="cleanup"
    )
    keep(Item(current=current, due_at=NOW + 1))
    with pytest.raises(error):
        attempt_of(transition, "own")()


def test_the_older_reset_is_copied_along_and_forgotten_once_the_newer_is_stored(stack: Stack) -> None:
    older = replace(OWN, execution="older", phase=Phase.WAITING, task_token="token")
    keep(Item(current=older, due_at=NOW))
    assert registry.begin(KEY, OWN) == older
    # A second try after a crash finds it again.
    assert registry.begin(KEY, OWN) == older
    registry.store(KEY, ATTEMPT, NOW + 60)
    assert registry.read(KEY).older is None
    assert stack.operations().count("UpdateItem") == 3


def newer_at(secret_sha256: str, now: int = NOW) -> int:
    """Return what a claim that is refused says of a newer link."""
    with pytest.raises(ClaimGoneError) as refused:
        registry.claim(KEY, Attempt(actor="request", now=now, secret_sha256=secret_sha256), DAY)
    return refused.value.newer_at


def test_who_holds_the_older_secret_is_told_of_the_newer_link_while_it_waits(stack: Stack) -> None:
    keep(Item(current=replace(OWN, execution="older", phase=Phase.WAITING, secret_sha256="the older")))
    registry.begin(KEY, OWN)
    assert newer_at("the older") == 0, "not mailed yet"
    registry.store(KEY, ATTEMPT, NOW + 60)
    assert newer_at("the older") == NOW
    assert newer_at("another") == newer_at("") == 0
    assert newer_at("the older", NOW + 60) == 0, "expired as well"
    registry.revoke(KEY, ATTEMPT)
    assert newer_at("the older") == 0, "it no longer waits"
    assert stack.operations()


@pytest.mark.usefixtures("stack")
def test_a_first_link_is_newer_than_none() -> None:
    registry.begin(KEY, OWN)
    registry.store(KEY, ATTEMPT, NOW + 60)
    assert newer_at("") == newer_at("another") == 0


def test_undoing_finds_the_older_reset_too(stack: Stack) -> None:
    older = replace(OWN, execution="older", phase=Phase.WAITING, task_token="token")
    keep(Item(current=older))
    registry.begin(KEY, OWN)
    _, found = registry.revoke(KEY, ATTEMPT)
    assert found == older
    registry.finish(KEY, ATTEMPT)
    assert registry.read(KEY).older is None
    assert stack.operations()


def test_a_claim_whose_answer_was_lost_recognises_itself(stack: Stack) -> None:
    keep(Item(current=replace(OWN, phase=Phase.WAITING, expires_at=NOW + 60, task_token="token")))
    visitor = Attempt(actor="request-1", now=NOW, secret_sha256="hash")
    assert registry.claim(KEY, visitor, DAY).task_token == "token"
    assert registry.claim(KEY, visitor, DAY).task_token == "token"
    with pytest.raises(ClaimGoneError):
        registry.claim(KEY, replace(visitor, actor="request-2"), DAY)
    assert stack.operations() == ["PutItem", *["UpdateItem"] * 3]


@pytest.mark.parametrize("gone", [resets.STORE, resets.CLAIM, resets.REVOKE], ids=lambda gone: gone.step)
def test_a_missing_reset_cannot_be_moved(stack: Stack, gone: Transition) -> None:
    with pytest.raises((SupersededError, ClaimGoneError)):
        attempt_of(gone, "own")()
    assert stack.sent("UpdateItem")
    assert registry.read(KEY) == Item()


# The window of requests

ALICE_KEY = user_key("alice")


def test_the_first_request_opens_the_window_and_others_are_told_of_it(stack: Stack) -> None:
    assert registry.open_window(KEY, "first", NOW, REQUEST_WINDOW) == "first"
    assert registry.open_window(KEY, "second", NOW + 899, REQUEST_WINDOW) == "first"
    assert registry.open_window(KEY, "first", NOW + 899, REQUEST_WINDOW) == "first"
    assert stack.operations() == ["UpdateItem"] * 3


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("minutes", [1, 15, 1440])
def test_after_its_time_the_next_request_opens_it_again(minutes: int) -> None:
    window = timedelta(minutes=minutes)
    registry.open_window(KEY, "first", NOW, window)
    assert registry.open_window(KEY, "second", NOW + minutes * 60 - 1, window) == "first"
    assert registry.open_window(KEY, "second", NOW + minutes * 60, window) == "second"


@pytest.mark.usefixtures("stack")
def test_a_window_is_closed_by_its_own_reset_alone() -> None:
    registry.open_window(ALICE_KEY, "first", NOW, REQUEST_WINDOW)
    registry.close_windows("alice", "", "other")
    assert registry.open_window(ALICE_KEY, "second", NOW, REQUEST_WINDOW) == "first"
    registry.close_windows("alice", "", "first")
    assert registry.open_window(ALICE_KEY, "second", NOW, REQUEST_WINDOW) == "second"


@pytest.mark.usefixtures("stack")
def test_the_window_of_what_was_typed_is_closed_with_that_of_the_name() -> None:
    for key in (user_key("ALICE"), ALICE_KEY):
        registry.open_window(key, "first", NOW, REQUEST_WINDOW)
    registry.close_windows("alice", user_key("ALICE"), "first")
    for key in (user_key("ALICE"), ALICE_KEY):
        assert registry.open_window(key, "second", NOW, REQUEST_WINDOW) == "second"


def test_without_a_user_and_a_window_nothing_is_written(stack: Stack) -> None:
    registry.close_windows("", "", "first")
    assert stack.operations() == []


@pytest.mark.usefixtures("stack")
def test_a_claim_closes_the_window() -> None:
    keep(Item(current=replace(OWN, phase=Phase.WAITING, expires_at=NOW + 60)))
    registry.open_window(KEY, "own", NOW, REQUEST_WINDOW)
    registry.claim(KEY, Attempt(actor="request", now=NOW, secret_sha256="hash"), DAY)
    assert registry.open_window(KEY, "next", NOW, REQUEST_WINDOW) == "next"


@pytest.mark.usefixtures("stack")
def test_failures_close_the_window_once_in_its_length() -> None:
    for number, (moment, opened) in enumerate([(NOW, True), (NOW + 1, True), (NOW + 2, False)]):
        name = f"failed-{number}"
        assert (registry.open_window(ALICE_KEY, name, moment, REQUEST_WINDOW) == name) is opened
        registry.close_windows("alice", ALICE_KEY, name, failed_at=moment, once_in=REQUEST_WINDOW)
    assert registry.open_window(ALICE_KEY, "later", NOW + 901, REQUEST_WINDOW) == "later"
    registry.close_windows("alice", ALICE_KEY, "later", failed_at=NOW + 902, once_in=REQUEST_WINDOW)
    assert registry.open_window(ALICE_KEY, "at-once", NOW + 903, REQUEST_WINDOW) == "at-once"


def test_windows_write_what_their_policy_lists_and_nothing_else(stack: Stack) -> None:
    registry.open_window(KEY, "first", NOW, REQUEST_WINDOW)
    registry.close_windows("alice", KEY, "first", failed_at=NOW, once_in=REQUEST_WINDOW)
    named = {name for sent in stack.sent("UpdateItem") for name in sent["ExpressionAttributeNames"].values()}
    policy = read_template(ROOT / "template.yaml")["Resources"]["WriteWindowsPolicy"]["Properties"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    allowed = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:Attributes"]
    # As DynamoDB asks, the table's key is among them.
    assert {*named, "id"} == set(allowed)


@pytest.mark.usefixtures("stack")
def test_a_window_does_not_touch_the_reset_beside_it() -> None:
    keep(Item(current=OWN, due_at=NOW))
    registry.open_window(KEY, "next", NOW, REQUEST_WINDOW)
    assert registry.read(KEY) == Item(current=OWN, due_at=NOW)


# What is due


def test_the_index_names_what_is_due_and_nothing_else(stack: Stack) -> None:
    for number, due_at in enumerate((NOW - 1, NOW, NOW + 1)):
        registry.begin(f"key-{number}", replace(OWN, begun_at=due_at - 1800))
    registry.open_window("asked-only", "execution", NOW, REQUEST_WINDOW)
    assert registry.due(NOW, "", 10) == (["key-0", "key-1"], "")
    assert stack.sent("Query")


def test_what_is_due_comes_in_parts(stack: Stack) -> None:
    for number in range(3):
        registry.begin(f"key-{number}", replace(OWN, begun_at=0))
    found, start = registry.due(10_000, "", 2)
    more, end = registry.due(10_000, start, 2)
    assert sorted(found + more) == ["key-0", "key-1", "key-2"]
    assert end == ""
    assert len(stack.sent("Query")) == 2


def test_what_was_claimed_is_due_once_it_may_be_unused_no_longer_and_what_was_undone_never(
    stack: Stack,
) -> None:
    keep(Item(current=replace(OWN, phase=Phase.WAITING, expires_at=NOW + 60), due_at=NOW + 90))
    registry.claim(KEY, Attempt(actor="request", now=NOW, secret_sha256="hash"), DAY)
    assert registry.read(KEY).due_at == NOW + 24 * 3600
    registry.revoke(KEY, ATTEMPT)
    registry.finish(KEY, ATTEMPT)
    assert registry.read(KEY).due_at == 0
    assert stack.sent("UpdateItem")


def test_the_index_is_asked_for_keys_alone_and_items_are_read_consistently(stack: Stack) -> None:
    registry.read(KEY)
    assert stack.sent("GetItem")[0]["ConsistentRead"] is True


def test_throttling_is_told_as_such(stack: Stack) -> None:
    stack.refuse("UpdateItem", "ThrottlingException")
    with pytest.raises(ThrottledError):
        registry.begin(KEY, OWN)


def test_no_repr_shows_a_hash_or_a_task_token() -> None:
    shown = repr(Item(current=replace(OWN, task_token="the-token", secret_sha256="the-hash")))
    assert "the-token" not in shown
    assert "the-hash" not in shown


def test_what_the_table_cannot_hold_is_refused_before_it_is_sent(stack: Stack) -> None:
    with pytest.raises(TypeError):
        table.put({"id": "x", "list": [1]})
    assert stack.calls == []


@pytest.mark.usefixtures("stack")
def test_what_another_wrote_that_the_table_cannot_hold_is_refused() -> None:
    DYNAMODB.put_item(TableName=os.environ["REGISTRY_TABLE"], Item={"id": {"S": "x"}, "flag": {"BOOL": True}})
    with pytest.raises(TypeError, match="BOOL"):
        table.get("x")


def test_a_lost_connection_is_worth_retrying(stack: Stack) -> None:
    stack.fail("GetItem", LostConnection(error=OSError("lost")))
    with pytest.raises(LatchkeyError):
        registry.read(KEY)


WAIT_FOR_CLAIM = read_definition(ROOT / "statemachines" / "reset.asl.json")["States"]["WaitForClaim"][
    "Arguments"
]


def test_the_state_machine_waits_under_the_condition_of_the_rules() -> None:
    assert WAIT_FOR_CLAIM["ConditionExpression"] == registry.condition(resets.WAIT)


def test_the_state_machine_moves_the_item_as_the_rules_do(stack: Stack) -> None:
    values = WAIT_FOR_CLAIM["ExpressionAttributeValues"] | {
        ":execution": {"S": "own"},
        ":task_token": {"S": "token"},
    }
    for item in items(resets.WAIT):
        keep(item)
        arguments = WAIT_FOR_CLAIM | {
            "TableName": os.environ["REGISTRY_TABLE"],
            "Key": {"id": {"S": item_id(KEY)}},
            "ExpressionAttributeValues": values,
        }
        allowed = allows(resets.WAIT, item, ATTEMPT)
        refused = DYNAMODB.exceptions.ConditionalCheckFailedException
        with nullcontext() if allowed else pytest.raises(refused):
            DYNAMODB.update_item(**arguments)
        after = registry.read(KEY)
        if item.current and allowed:
            waiting = replace(item.current, phase=Phase.WAITING, task_token="token")
            assert after == replace(item, current=waiting)
        else:
            assert after == item
    assert stack.calls
