"""What a reset may leave behind: which of it is worth a closer look, and in which batches."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.claims import Handle, TicketKind
from latchkey.executions import Execution, earlier
from latchkey.orphans import GRACE, Leftover, in_batches, is_past, leftovers, running_keys

EXPIRY = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
HANDLE = Handle.of("alice@example.com", "a-reset", EXPIRY)
FOLDER = f"/latchkey-test/claims/{HANDLE.user_key}"
CLAIM = Leftover(HANDLE.user_key, str(HANDLE))
LOCK = Leftover(HANDLE.user_key, "lock")


def test_a_claim_and_its_token_are_one_leftover() -> None:
    names = [f"{FOLDER}/{HANDLE}/token", f"{FOLDER}/{HANDLE}/claim"]
    assert leftovers(names) == [CLAIM]


def test_a_lock_is_a_leftover_of_its_own() -> None:
    assert leftovers([f"{FOLDER}/lock", f"{FOLDER}/{HANDLE}/claim"]) == [CLAIM, LOCK]


@pytest.mark.parametrize("kind", TicketKind)
def test_a_ticket_is_a_leftover_of_its_own(kind: TicketKind) -> None:
    (ticket,) = leftovers([f"/latchkey-test/{kind}/{HANDLE.user_key}/{HANDLE}"])
    assert (ticket.user_key, ticket.ticket_kind, ticket.handle) == (HANDLE.user_key, kind, HANDLE)


@pytest.mark.parametrize("kind", TicketKind)
def test_a_ticket_is_left_alone_until_its_time_is_over(kind: TicketKind) -> None:
    ticket = Leftover(HANDLE.user_key, f"{kind}/{HANDLE}")
    assert not ticket.is_suspect(running_keys([]), EXPIRY)
    assert ticket.is_suspect(running_keys([]), EXPIRY + timedelta(hours=1))


@pytest.mark.parametrize("leftover", [CLAIM, LOCK, Leftover(HANDLE.user_key, f"notices/{HANDLE}")], ids=str)
def test_a_leftover_is_read_as_it_was_written(leftover: Leftover) -> None:
    assert Leftover.parse(str(leftover)) == leftover


def test_what_resets_never_make_is_no_leftover() -> None:
    others = ["/latchkey-test/base-url", f"/latchkey-test/elsewhere/{HANDLE.user_key}/{HANDLE}", "x"]
    assert leftovers([f"{FOLDER}/note", f"{FOLDER}/somewhere/claim", *others]) == []


@pytest.mark.parametrize(
    ("after_expiry", "past"), [(timedelta(), False), (GRACE, False), (GRACE + timedelta(seconds=1), True)]
)
def test_a_claim_is_past_its_time_after_a_grace(after_expiry: timedelta, *, past: bool) -> None:
    assert is_past(HANDLE, EXPIRY + after_expiry) is past


def test_a_claim_that_is_looked_after_is_not_suspect() -> None:
    assert not CLAIM.is_suspect(running_keys(["a-reset"]), EXPIRY)


def test_a_claim_whose_reset_does_not_run_is_suspect() -> None:
    assert CLAIM.is_suspect(running_keys(["another-reset"]), EXPIRY)


def test_a_claim_past_its_time_is_suspect_though_its_reset_runs() -> None:
    assert CLAIM.is_suspect(running_keys(["a-reset"]), EXPIRY + timedelta(hours=1))


def test_a_lock_is_always_worth_a_look() -> None:
    assert LOCK.is_suspect(running_keys(["a-reset"]), EXPIRY)


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 10))
def test_batches_hold_everything_once_and_never_split_a_user(users: list[int], size: int) -> None:
    names = [
        f"/s/claims/{handle.user_key}/{handle}/claim"
        for number, user in enumerate(users)
        for handle in [Handle.of(f"user-{user}", f"reset-{number}", EXPIRY)]
    ]
    batches = in_batches(leftovers(names), size)
    assert sorted(each for batch in batches for each in batch) == sorted(
        "/".join(name.split("/")[3:5]) for name in names
    )
    keys = [{each.partition("/")[0] for each in batch} for batch in batches]
    assert sum(map(len, keys)) == len(set().union(*keys))
    assert all(len(batch) <= size for batch in keys)


def executions(*minutes: int) -> list[Execution]:
    return [Execution(EXPIRY + timedelta(minutes=each), f"arn:{each}") for each in minutes]


def test_the_first_of_several_executions_goes_on_and_the_others_know_it() -> None:
    running = executions(3, 1, 2)
    assert earlier("arn:1", running) is None
    assert earlier("arn:2", running) == earlier("arn:3", running) == running[1]


def test_an_execution_alone_goes_on_though_no_list_shows_it_yet() -> None:
    assert earlier("arn:1", []) is None


def test_of_executions_that_started_together_one_goes_on() -> None:
    together = [Execution(EXPIRY, f"arn:{name}") for name in "abc"]
    assert [earlier(each.arn, together) is None for each in together].count(True) == 1
