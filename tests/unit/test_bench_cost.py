"""What a reset costs is what it used, times the table."""

from dataclasses import replace
from typing import Any

import pytest

from bench.cost import (
    Handler,
    Usage,
    amounts,
    gb_seconds,
    memory_choices,
    read_prices,
    seconds_of,
    sums,
    transitions,
    usd_per_1000,
)

ASSUMPTIONS = {
    "aws_call_ms": {"value": 20},
    "full_processor_mb": {"value": 1769},
    "cold": {"value": 1},
    "units_of_a_write": {"value": 3},
}
HANDLERS = {
    "StorePassword": Handler(0.01, 0.5, 256),
    "RevealPassword": Handler(0.005, 0.5, 256),
}
CLAIMED = Usage(
    api=("POST /generate", "POST /extract"),
    calls=(
        ("StorePassword", "ssm", "PutParameter"),
        ("StorePassword", "kms", "Decrypt"),
        ("StorePassword", "dynamodb", "UpdateItem"),
        ("RevealPassword", "dynamodb", "UpdateItem"),
        ("RevealPassword", "ssm", "GetParameter"),
        ("ResetStateMachine", "ssm", "DeleteParameter"),
        ("AnswerRequest", "dynamodb", "GetItem"),
        ("NotifyClaimed", "ses", "SendEmail"),
        ("SendClaimLink", "ses", "SendEmail"),
    ),
    invocations={"StorePassword": 1, "RevealPassword": 1},
    transitions=9,
    log_bytes=2**20,
)


def event(kind: str) -> dict[str, Any]:
    return {"type": kind}


def test_transitions_are_states_entered_and_later_tries() -> None:
    history = [
        event("ExecutionStarted"),
        event("TaskStateEntered"),
        event("TaskScheduled"),
        event("TaskFailed"),
        event("TaskScheduled"),
        event("TaskSucceeded"),
        event("TaskStateExited"),
        event("ChoiceStateEntered"),
        event("SucceedStateEntered"),
        event("ExecutionSucceeded"),
    ]
    assert transitions(history) == 4


def test_what_a_reset_uses_is_counted() -> None:
    used = amounts(CLAIMED, HANDLERS, ASSUMPTIONS, hours_open=1)
    assert used["states:transition"] == 9
    assert used["ses:mail"] == 2
    assert used["lambda:request"] == 2
    assert used["apigateway:request"] == 2
    assert used["ssm:advanced-hour"] == 1
    assert used["xray:trace"] == 1


def test_only_the_password_is_an_advanced_parameter() -> None:
    baseline = replace(CLAIMED, calls=(*CLAIMED.calls, ("Baseline", "ssm", "PutParameter")))
    assert amounts(baseline, HANDLERS, ASSUMPTIONS, 1)["ssm:advanced-interaction"] == 3


def test_writes_to_the_registry_take_more_units_than_one_and_reads_one() -> None:
    used = amounts(CLAIMED, HANDLERS, ASSUMPTIONS, 1)
    assert (used["dynamodb:write"], used["dynamodb:read"]) == (6, 1)


def test_what_ssm_asks_of_the_key_is_counted_too() -> None:
    assert amounts(CLAIMED, HANDLERS, ASSUMPTIONS, 1)["kms:request"] == 3


def test_an_hour_begun_is_paid_whole() -> None:
    assert amounts(CLAIMED, HANDLERS, ASSUMPTIONS, 1.1)["ssm:advanced-hour"] == 2


def test_less_memory_makes_the_own_work_slower_and_the_waiting_not() -> None:
    handler = Handler(0.01, 0, 256)
    assert seconds_of(handler, 2, ASSUMPTIONS, 1769) == pytest.approx(0.05)
    assert seconds_of(handler, 2, ASSUMPTIONS, 3538) == pytest.approx(0.05)
    assert seconds_of(handler, 2, ASSUMPTIONS, 128) == pytest.approx(0.04 + 0.01 * 1769 / 128)


def test_the_start_is_billed_as_well() -> None:
    warm = {**ASSUMPTIONS, "cold": {"value": 0}}
    more = gb_seconds(CLAIMED, HANDLERS, ASSUMPTIONS) - gb_seconds(CLAIMED, HANDLERS, warm)
    assert more == pytest.approx(2 * 0.5 * 256 / 1024)


def test_dollars_stand_with_the_dearest_first() -> None:
    prices = {"a": {"usd": 1, "per": 1000}, "b": {"usd": 3, "per": 1000}, "c": {"usd": 9, "per": 1}}
    assert list(usd_per_1000({"a": 1, "b": 2, "c": 0}, prices).items()) == [("b", 6), ("a", 1)]


def test_every_amount_has_a_price_with_a_source() -> None:
    table = read_prices()
    assert set(amounts(CLAIMED, HANDLERS, table["assumptions"], 1)) == set(table["prices"])
    assert all(price["source"].startswith("https://") for price in table["prices"].values())


def test_a_longer_life_costs_those_that_expire() -> None:
    found = sums({"claimed": CLAIMED, "expired": CLAIMED, "baseline": CLAIMED}, HANDLERS)
    short, hour, day = found["expired_by_ttl"].values()
    assert short == hour < day
    assert found["claimed"]["total"] == pytest.approx(sum(found["claimed"]["usd_per_1000"].values()))


def test_memory_trades_time_for_dollars() -> None:
    small, large = memory_choices(CLAIMED, HANDLERS, (256, 1769))
    assert small["claim_seconds"] > large["claim_seconds"]
    assert small["usd_per_1000"] < large["usd_per_1000"]
