"""FindOrphans asks the index; RemoveOrphans undoes orphaned resets, and nothing else."""

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cleanup.find_orphans import BATCH
from cleanup.find_orphans import handler as find
from cleanup.remove_orphans import handler as remove
from cleanup.remove_orphans import remove_all
from latchkey.adapters import iam, registry
from latchkey.domain import resets
from latchkey.domain.claims import item_id, user_key
from latchkey.domain.resets import Attempt, Item, Phase, Reset
from latchkey.errors import AccessDeniedError, ClaimGoneError
from tests.unit.stack import (
    ALICE,
    CONTEXT,
    DYNAMODB,
    EXECUTION,
    EXPIRY,
    NOW,
    OLD_PASSWORD,
    PASSWORD,
    REQUEST_WINDOW,
    Stack,
)

KEY = user_key(ALICE)
LATE = EXPIRY + timedelta(minutes=6)
type Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def forged(stack: Stack) -> Stack:
    """Return a stack in which a reset waits that no execution is behind."""
    stack.add_user()
    iam.set_password(ALICE, PASSWORD)
    stack.keep_reset()
    stack.calls.clear()
    return stack


@pytest.fixture
def left(forged: Stack) -> Stack:
    """Return a stack in which a reset waits whose execution was stopped."""
    forged.answer("DescribeExecution", {"status": "ABORTED"})
    return forged


def running(stack: Stack) -> None:
    """Let the reset's execution still run."""
    stack.answer("DescribeExecution", {"status": "RUNNING"})


def test_an_orphaned_reset_is_undone(left: Stack) -> None:
    assert remove_all([KEY], "cleanup", LATE) == 1
    assert left.password_of() not in {PASSWORD, OLD_PASSWORD}
    assert (left.phase(), left.passwords()) == (Phase.OVER, {})


@pytest.mark.parametrize("status", ["ABORTED", "FAILED", "TIMED_OUT", "SUCCEEDED"])
def test_an_execution_that_is_over_looks_after_nothing(left: Stack, status: str) -> None:
    left.answer("DescribeExecution", {"status": status})
    assert remove_all([KEY], "cleanup", LATE) == 1


def test_it_is_counted_and_told(left: Stack, lines: Lines) -> None:
    assert remove({"execution": "cleanup", "batch": [KEY]}, CONTEXT) == {"removed": 0}
    left.keep(Item(current=registry.read(KEY).current, due_at=1))
    assert remove({"execution": "cleanup", "batch": [KEY]}, CONTEXT) == {"removed": 1}
    assert [step for step, _ in left.told()] == ["Orphaned"]
    assert [line["Orphaned"] for line in lines() if "_aws" in line] == [[1.0]]


@pytest.mark.parametrize("early", [timedelta(seconds=1), timedelta(hours=1)])
def test_what_is_younger_than_the_grace_is_left_alone_whatever_is_said_of_its_execution(
    left: Stack, early: timedelta
) -> None:
    assert remove_all([KEY], "cleanup", EXPIRY + resets.GRACE - early) == 0
    assert left.operations() == ["GetItem"]
    assert left.password_of() == PASSWORD


def test_an_execution_that_hangs_is_stopped_now_and_undone_by_the_next_cleanup(left: Stack) -> None:
    running(left)
    left.answer("StopExecution", {"stopDate": NOW})
    assert remove_all([KEY], "cleanup", LATE) == 0
    assert left.password_of() == PASSWORD
    (stopped,) = left.sent("StopExecution")
    machine = os.environ["RESET_STATE_MACHINE_ARN"].replace(":stateMachine:", ":execution:")
    assert stopped["executionArn"] == f"{machine}:{EXECUTION}"
    left.answer("DescribeExecution", {"status": "ABORTED"})
    assert remove_all([KEY], "next cleanup", LATE + timedelta(hours=1)) == 1


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.OVER}))
def test_an_execution_that_runs_is_stopped_only_where_it_hangs(left: Stack, phase: Phase) -> None:
    running(left)
    left.answer("StopExecution", {"stopDate": NOW})
    left.keep_reset(phase)
    assert remove_all([KEY], "cleanup", LATE) == 0
    assert len(left.sent("StopExecution")) == (phase in {Phase.STORED, Phase.WAITING})
    assert (left.phase(), left.password_of()) == (phase, PASSWORD)


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.OVER}))
def test_what_no_execution_looks_after_is_undone_whatever_its_phase(left: Stack, phase: Phase) -> None:
    left.keep_reset(phase)
    assert remove_all([KEY], "cleanup", LATE) == 1
    assert left.phase() == Phase.OVER
    assert left.password_of() not in {PASSWORD, OLD_PASSWORD}


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.OVER}))
def test_a_reset_that_the_registry_alone_tells_of_changes_no_password(forged: Stack, phase: Phase) -> None:
    # As the right to write users' items could have it, by made-up times, for a password that the user chose.
    forged.keep_reset(phase)
    with pytest.raises(ClaimGoneError):
        remove_all([KEY], "cleanup", LATE)
    assert (forged.password_of(), forged.phase()) == (PASSWORD, phase)
    assert [step for step, _ in forged.told()] == ["Orphaned"], "an alarm rings"


@pytest.mark.parametrize(
    "output", [{}, {"user": ALICE}, {"user": "bob@example.com", "claimed_at": "today"}], ids=str
)
def test_a_claim_that_the_registry_alone_tells_of_changes_no_password(
    claimed: Stack, output: dict[str, str]
) -> None:
    claimed.answer("DescribeExecution", {"status": "SUCCEEDED", "output": json.dumps(output)})
    with pytest.raises(ClaimGoneError):
        remove_all([KEY], "cleanup", NOW)
    assert (claimed.password_of(), claimed.phase()) == (PASSWORD, Phase.CLAIMED)


def test_of_two_cleanups_at_once_one_undoes(left: Stack) -> None:
    registry.revoke(KEY, Attempt(execution=EXECUTION, actor="other", now=int(LATE.timestamp())))
    assert remove_all([KEY], "cleanup", LATE) == 0
    assert left.password_of() == PASSWORD


# A caller who starts executions names them: no name is that of a revocation, which spares no password.
@pytest.mark.parametrize("execution", [EXECUTION, f"revoke-{EXECUTION}"])
def test_a_password_its_user_changed_stays(left: Stack, execution: str) -> None:
    left.keep_reset(execution=execution)
    left.choose_password(ALICE, "Own-Password-1")
    assert remove_all([KEY], "cleanup", LATE) == 1
    assert left.password_of() == "Own-Password-1"


@pytest.mark.usefixtures("left")
def test_afterwards_the_user_may_ask_at_once() -> None:
    registry.open_window(KEY, EXECUTION, int(LATE.timestamp()), REQUEST_WINDOW)
    remove_all([KEY], "cleanup", LATE)
    assert registry.open_window(KEY, "next", int(LATE.timestamp()), REQUEST_WINDOW) == "next"


def test_one_that_fails_does_not_keep_the_others(left: Stack) -> None:
    bob = "bob@example.com"
    left.add_user(bob, must_change=True)
    gone = Reset(execution="bobs", phase=Phase.WAITING, user=bob)
    left.keep(Item(current=gone, due_at=1), user=bob)
    left.refuse("GetUser", "AccessDenied", 403)
    with pytest.raises(AccessDeniedError):
        remove_all([KEY, user_key(bob)], "cleanup", LATE)
    assert left.password_of(bob) != OLD_PASSWORD
    assert left.phase() == Phase.REVOKING
    assert remove_all([KEY, user_key(bob)], "cleanup", LATE) == 1, "the same cleanup may try again"


@pytest.mark.parametrize("error", [("InvalidArn", 400), ("ValidationException", 400)])
def test_an_item_that_makes_no_sense_does_not_keep_the_others(left: Stack, error: tuple[str, int]) -> None:
    # Its execution may have any name: "revoke/" makes no ARN.
    left.refuse("DescribeExecution", *error)
    left.add_user("bob@example.com")
    left.keep(Item(current=Reset(execution="revoke/", phase=Phase.WAITING, user="bob"), due_at=1), user="bob")
    with pytest.raises(ClientError):
        remove_all([user_key("bob"), KEY], "cleanup", LATE)
    assert left.password_of() not in {PASSWORD, OLD_PASSWORD}


def test_what_is_due_is_found_in_batches(stack: Stack) -> None:
    reset = Reset(execution=EXECUTION, phase=Phase.RESETTING, user=ALICE, begun_at=1)
    for number in range(BATCH + 1):
        registry.begin(f"key-{number:02}", reset)
    registry.begin("later", Reset(execution="x", phase=Phase.RESETTING, user=ALICE, begun_at=in_seconds(NOW)))
    found = find({"execution": "cleanup", "next": ""}, CONTEXT)
    assert [len(batch) for batch in found["batches"]] == [BATCH, 1]
    assert found["next"] == ""
    assert stack.operations()[-1] == "Query"


@pytest.fixture
def claimed(left: Stack) -> Stack:
    """Return a stack in which a password was shown, a day and an hour ago."""
    left.keep_reset(Phase.CLAIMED, password="", claimed_by="the claim")
    left.keep(Item(current=registry.read(KEY).current, due_at=in_seconds(NOW) - 3600))
    output = json.dumps({"user": ALICE, "claimed_at": "2026-03-01T09:30:00+00:00"})
    left.answer("DescribeExecution", {"status": "SUCCEEDED", "output": output})
    return left


def test_a_password_that_was_shown_and_never_used_is_revoked(claimed: Stack, lines: Lines) -> None:
    assert remove_all([KEY], "cleanup", NOW) == 1
    assert claimed.password_of() not in {PASSWORD, OLD_PASSWORD}
    assert claimed.phase() == Phase.OVER
    assert [step for step, _ in claimed.told()] == ["Lapsed"]
    assert [line["Lapsed"] for line in lines() if "_aws" in line] == [[1.0]]


def test_a_shown_password_may_be_unused_until_it_is_due(claimed: Stack) -> None:
    claimed.keep(Item(current=registry.read(KEY).current, due_at=in_seconds(NOW) + 1))
    assert remove_all([KEY], "cleanup", NOW) == 0
    assert claimed.password_of() == PASSWORD


def used(stack: Stack) -> None:
    stack.sign_in(ALICE, NOW - timedelta(seconds=50))


def changed(stack: Stack) -> None:
    stack.choose_password(ALICE, PASSWORD)


@pytest.mark.parametrize("spare", [used, changed])
def test_a_shown_password_that_was_used_or_changed_stays_and_is_looked_at_once(
    claimed: Stack, lines: Lines, spare: Callable[[Stack], None]
) -> None:
    spare(claimed)
    assert remove_all([KEY], "cleanup", NOW) == 0
    assert claimed.password_of() == PASSWORD
    assert (claimed.told(), [line for line in lines() if "_aws" in line]) == ([], [])
    assert claimed.phase() == Phase.OVER
    assert registry.due(in_seconds(LATE), "", 10) == ([], "")


def test_while_its_execution_still_tells_its_user_a_claim_is_left_alone(claimed: Stack) -> None:
    running(claimed)
    assert remove_all([KEY], "cleanup", NOW) == 0
    assert claimed.password_of() == PASSWORD
    assert claimed.sent("StopExecution") == []


def in_seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def open_many(number: int) -> None:
    """Put resets that are not due into the table, straight away: step by step it takes too long."""
    due_at = str(in_seconds(NOW) + 86_400)
    items = [
        {"id": {"S": item_id(str(each))}, "queue": {"S": "cleanup"}, "due_at": {"N": due_at}}
        for each in range(number)
    ]
    for some in batched(items, 25, strict=False):
        puts: Any = [{"PutRequest": {"Item": item}} for item in some]
        DYNAMODB.batch_write_item(RequestItems={os.environ["REGISTRY_TABLE"]: puts})


@pytest.mark.parametrize("open_resets", [0, 500])
def test_looking_costs_the_same_however_many_resets_are_open(stack: Stack, open_resets: int) -> None:
    open_many(open_resets)
    stack.calls.clear()
    found = find({"execution": "cleanup", "next": ""}, CONTEXT)
    assert (found["batches"], found["next"]) == ([], "")
    assert stack.operations() == ["Query"]
