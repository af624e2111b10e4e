"""The functions of the rotation's states: each bears being run twice, and being stopped half-way."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from latchkey.adapters import smtp_secret
from latchkey.adapters.access_keys import NewKey
from latchkey.adapters.smtp_secret import SmtpCredentials
from latchkey.domain.rotation import CURRENT, PENDING, PREVIOUS
from latchkey.errors import (
    CredentialsGoneError,
    CredentialsRefusedError,
    KeyLimitError,
    RotationInProgressError,
    ServiceUnavailableError,
    SmtpUnavailableError,
)
from local.emulator.smtp import password_of
from rotation import (
    create_credentials,
    deactivate_key,
    delete_key,
    measure_secret_age,
    plan_rotation,
    promote_credentials,
    roll_back,
    verify_credentials,
)
from rotation.verify_credentials import until_it_works
from tests.unit.smtp import NEW, OLD, OTHER, SECRET, SECRETS, USER, Smtp
from tests.unit.stack import CONTEXT, SFN, client_error, load_event

IAM = boto3.client("iam")
EXECUTION = "a-rotation"


def machine() -> str:
    """Make a state machine for rotations."""
    made = SFN.create_state_machine(
        name="latchkey-test-rotation",
        definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/rotation",
    )
    return made["stateMachineArn"]


def inventory(own_arn: str = "", settling: float = 0) -> dict[str, Any]:
    machine_arn = own_arn.replace(":execution:", ":stateMachine:").rpartition(":")[0] or machine()
    return dict(
        plan_rotation.handler(
            {
                "execution": EXECUTION,
                "execution_arn": own_arn,
                "state_machine_arn": machine_arn,
                "settling_seconds": settling,
            },
            CONTEXT,
        )
    )


def create(keep: list[str] | None = None, version_id: str | None = None) -> dict[str, Any]:
    event = {"execution": EXECUTION, "keep": keep or [], "version_id": version_id}
    return dict(create_credentials.handler(event, CONTEXT))  # type: ignore[arg-type]  # as Lambda passes it


# Whatever they are given


HANDLERS: dict[str, Callable[[Any, object], Any]] = {
    "plan_rotation": plan_rotation.handler,
    "create_credentials": create_credentials.handler,
    "verify_credentials": verify_credentials.handler,
    "promote_credentials": promote_credentials.handler,
    "deactivate_key": deactivate_key.handler,
    "delete_key": delete_key.handler,
    "roll_back": roll_back.handler,
    "measure_secret_age": measure_secret_age.handler,
}
INVALID: dict[str, type[Exception]] = {
    "plan_rotation": TypeError,
    "create_credentials": TypeError,
    "verify_credentials": CredentialsGoneError,
    "promote_credentials": CredentialsGoneError,
    "deactivate_key": CredentialsGoneError,
    "delete_key": CredentialsGoneError,
    "roll_back": TypeError,
    "measure_secret_age": KeyError,
}


@pytest.fixture
def rotating(smtp: Smtp, monkeypatch: pytest.MonkeyPatch) -> Smtp:
    """Return the middle of a rotation: new credentials are current and staged, whichever a step needs."""
    machine()
    smtp.add_current(NEW)
    smtp.add_key()
    SECRETS.update_secret_version_stage(SecretId=SECRET, VersionStage=PENDING, MoveToVersionId=NEW)
    monkeypatch.setattr(verify_credentials, "log_in", lambda _: None)
    return smtp


def test_every_function_has_a_valid_and_an_invalid_event() -> None:
    functions = {path.stem for path in Path(plan_rotation.__file__).parent.glob("[!_]*.py")}
    assert functions == HANDLERS.keys() == INVALID.keys()


@pytest.mark.parametrize("function", HANDLERS)
def test_a_function_accepts_its_valid_event_twice(rotating: Smtp, function: str) -> None:
    states = []
    for _ in range(2):
        json.dumps(HANDLERS[function](load_event(f"{function}_valid"), CONTEXT))
        states.append((rotating.keys(), rotating.labels()))
    assert states[0] == states[1]


@pytest.mark.parametrize("function", HANDLERS)
def test_a_function_refuses_its_invalid_event(rotating: Smtp, function: str) -> None:
    before = (rotating.keys(), rotating.labels())
    with pytest.raises(INVALID[function]):
        HANDLERS[function](load_event(f"{function}_invalid"), CONTEXT)
    assert (rotating.keys(), rotating.labels()) == before


# PlanRotation


@pytest.mark.usefixtures("smtp")
def test_inventory_of_a_new_stack_keeps_nothing() -> None:
    assert inventory() == {"keep": [], "version_id": None}


def test_inventory_keeps_the_current_key_and_changes_nothing(smtp: Smtp) -> None:
    current, stray = smtp.add_current(), smtp.add_key()[0]
    assert inventory() == {"keep": [current], "version_id": None}
    assert set(smtp.keys()) == {current, stray}


def test_inventory_goes_on_with_a_young_promotion(smtp: Smtp) -> None:
    old, new = smtp.add_current(OLD), smtp.add_current(NEW)
    assert inventory(settling=3600) == {"keep": [old, new], "version_id": NEW}


def test_inventory_of_two_foreign_keys_stops(smtp: Smtp) -> None:
    foreign = {smtp.add_key()[0] for _ in range(2)}
    with pytest.raises(KeyLimitError):
        inventory()
    assert set(smtp.keys()) == foreign


@pytest.mark.usefixtures("smtp")
def test_the_later_of_two_rotations_stops() -> None:
    arn = machine()
    first, second = (
        SFN.start_execution(stateMachineArn=arn, name=name)["executionArn"] for name in ("first", "second")
    )
    assert inventory(first) == {"keep": [], "version_id": None}
    with pytest.raises(RotationInProgressError, match="still runs: first"):
        inventory(second)


# CreateCredentials


def test_created_credentials_are_staged_and_derive_from_the_new_key(
    smtp: Smtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[NewKey] = []
    credentials_of = create_credentials.credentials_of

    def watched(key: NewKey) -> SmtpCredentials:
        made.append(key)
        return credentials_of(key)

    monkeypatch.setattr(create_credentials, "credentials_of", watched)
    result = create()
    assert smtp.labels()[PENDING] == result["version_id"]
    assert smtp.value(PENDING) == {
        "username": result["access_key_id"],
        "password": password_of(made[0].secret, "eu-central-1"),
        "host": "email-smtp.eu-central-1.amazonaws.com",
        "port": 587,
    }
    assert smtp.value() == {}


def test_a_second_try_finds_what_the_first_staged(smtp: Smtp) -> None:
    current = smtp.add_current()
    first = create([current])
    assert create([current]) == first
    assert set(smtp.keys()) == {current, first["access_key_id"]}


def test_a_try_after_a_crash_between_key_and_secret_starts_over(smtp: Smtp) -> None:
    current = smtp.add_current()
    smtp.stack.fail("PutSecretValue", client_error("InternalServiceError", 500))
    with pytest.raises(ServiceUnavailableError):
        create([current])
    (stray,) = set(smtp.keys()) - {current}
    made = create([current])["access_key_id"]
    assert made != stray
    assert set(smtp.keys()) == {current, made}


def test_a_key_deactivated_by_hand_is_not_taken_for_a_staged_one(smtp: Smtp) -> None:
    first = create()["access_key_id"]
    IAM.update_access_key(UserName=USER, AccessKeyId=first, Status="Inactive")
    assert create()["access_key_id"] != first
    assert len(smtp.keys()) == 1


def test_another_rotations_staged_key_goes(smtp: Smtp) -> None:
    other = smtp.add_pending()
    made = create()["access_key_id"]
    assert set(smtp.keys()) == {made}
    assert made != other


def test_the_current_key_stays_whatever_is_to_be_kept(smtp: Smtp) -> None:
    current = smtp.add_current()
    made = create([])["access_key_id"]
    assert set(smtp.keys()) == {current, made}


def test_credentials_that_are_there_already_are_taken(smtp: Smtp) -> None:
    old, new = smtp.add_current(OLD), smtp.add_current(NEW)
    assert create([old, new], NEW) == {"access_key_id": new, "version_id": NEW}
    assert smtp.stack.sent("CreateAccessKey")[2:] == []


def test_no_secret_leaves_the_function(smtp: Smtp, lines: Callable[[], list[dict[str, Any]]]) -> None:
    result = create()
    password = smtp.value(PENDING)["password"]
    assert password not in str(result)
    assert all(password not in str(line) for line in lines())


# VerifyCredentials


class Clock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def tried(*failures: Exception, patience: float = 60) -> float:
    """Return after how many seconds it worked."""
    clock, left = Clock(), list(failures)

    def attempt() -> None:
        if left:
            raise left.pop(0)

    until_it_works(attempt, patience, clock, clock.sleep)
    return clock.now - 1000


def test_credentials_that_work_at_once_are_tried_once() -> None:
    assert tried() == 0


def test_credentials_are_tried_until_they_work() -> None:
    assert tried(*[CredentialsRefusedError()] * 8, SmtpUnavailableError()) == 9


def test_a_key_may_take_a_minute() -> None:
    assert tried(*[CredentialsRefusedError()] * 60) == 60


@pytest.mark.parametrize("error", [CredentialsRefusedError, SmtpUnavailableError])
def test_the_last_error_counts_once_patience_is_over(error: type[Exception]) -> None:
    with pytest.raises(error):
        tried(*[CredentialsRefusedError()] * 60, error())


def test_any_other_error_ends_the_trying() -> None:
    with pytest.raises(CredentialsGoneError):
        tried(CredentialsGoneError())


def test_the_staged_credentials_are_the_ones_tried(smtp: Smtp, monkeypatch: pytest.MonkeyPatch) -> None:
    smtp.add_current()
    staged = smtp.add_pending()
    used: list[str] = []
    monkeypatch.setattr(verify_credentials, "log_in", lambda credentials: used.append(credentials.username))
    verify_credentials.handler({"execution": EXECUTION, "version_id": NEW, "patience_seconds": 0}, CONTEXT)
    assert used == [staged]


# PromoteCredentials, DeactivateKey, DeleteKey


def promoted(smtp: Smtp) -> tuple[str, str]:
    """Return the ids of the old key and of the new one, which was just promoted."""
    old, new = smtp.add_current(), smtp.add_pending()
    promote_credentials.handler({"execution": EXECUTION, "version_id": NEW}, CONTEXT)
    return old, new


def test_promoted_credentials_are_current(smtp: Smtp) -> None:
    _, new = promoted(smtp)
    assert smtp.value()["username"] == new
    assert smtp.labels() == {CURRENT: NEW, PREVIOUS: OLD}


@pytest.mark.parametrize(
    ("handler", "left"), [(deactivate_key.handler, "Inactive"), (delete_key.handler, None)]
)
def test_the_old_key_retires_and_the_new_one_stays(
    smtp: Smtp, handler: Callable[[Any, object], None], left: str | None
) -> None:
    old, new = promoted(smtp)
    for _ in range(2):
        handler({"execution": EXECUTION, "version_id": NEW, "keys": [old, new]}, CONTEXT)
        assert smtp.keys() == {new: "Active"} | ({old: left} if left else {})


@pytest.mark.parametrize("handler", [deactivate_key.handler, delete_key.handler])
@pytest.mark.parametrize("trouble", ["deleted", "deactivated", "rolled back", "rotated again"])
def test_the_old_key_stays_where_the_new_one_was(
    smtp: Smtp, handler: Callable[[Any, object], None], trouble: str
) -> None:
    old, new = promoted(smtp)
    match trouble:
        case "deleted":
            IAM.delete_access_key(UserName=USER, AccessKeyId=new)
        case "deactivated":
            IAM.update_access_key(UserName=USER, AccessKeyId=new, Status="Inactive")
        case "rolled back":
            smtp.make_current(OLD, NEW)
        case _:
            smtp.put({"username": "AKIAOTHER"}, OTHER, PENDING)
            smtp.make_current(OTHER, NEW)
    with pytest.raises(CredentialsGoneError):
        handler({"execution": EXECUTION, "version_id": NEW, "keys": [old]}, CONTEXT)
    assert smtp.keys()[old] == "Active"


def test_a_first_rotation_has_nothing_to_retire(smtp: Smtp) -> None:
    smtp.add_current(NEW)
    before = smtp.keys()
    deactivate_key.handler({"execution": EXECUTION, "version_id": NEW, "keys": []}, CONTEXT)
    delete_key.handler({"execution": EXECUTION, "version_id": NEW, "keys": []}, CONTEXT)
    assert smtp.keys() == before


# RollBack


def undo(keep: list[str], access_key_id: str | None = None) -> list[str]:
    event = {"execution": EXECUTION, "keep": keep, "access_key_id": access_key_id}
    return roll_back.handler(event, CONTEXT)["deleted"]  # type: ignore[arg-type]  # as Lambda passes it


def test_rolling_back_deletes_the_new_key_and_ends_the_staging(smtp: Smtp) -> None:
    old, new = smtp.add_current(), smtp.add_pending()
    assert undo([old], new) == [new]
    assert smtp.keys() == {old: "Active"}
    assert smtp.labels()[CURRENT] == OLD
    assert PENDING not in smtp.labels()


def test_rolling_back_finds_a_key_whose_making_was_never_answered(smtp: Smtp) -> None:
    old, stray = smtp.add_current(), smtp.add_key()[0]
    assert undo([old]) == [stray]
    assert undo([old]) == []


def test_rolling_back_deletes_a_key_that_the_list_does_not_show_yet(
    smtp: Smtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = smtp.add_current(), smtp.add_pending()
    monkeypatch.setattr("latchkey.adapters.access_keys.list_keys", list)
    assert undo([old], new) == [new]
    assert smtp.keys() == {old: "Active"}


def test_rolling_back_leaves_what_another_rotation_made(smtp: Smtp) -> None:
    old, other = smtp.add_current(), smtp.add_pending()
    assert undo([old], "AKIADELETEDBYTHEOTHER") == ["AKIADELETEDBYTHEOTHER"]
    assert smtp.keys() == {old: "Active", other: "Active"}
    assert PENDING in smtp.labels()


def test_rolling_back_leaves_credentials_that_became_current_after_all(smtp: Smtp) -> None:
    old, new = promoted(smtp)
    assert undo([old], new) == []
    assert smtp.keys() == {old: "Active", new: "Active"}


# MeasureSecretAge


@pytest.mark.parametrize(("days", "overdue"), [(0, -30), (30, 0), (33.5, 3.5)])
def test_the_metric_counts_days_past_the_time_of_rotation(
    monkeypatch: pytest.MonkeyPatch, days: float, overdue: float
) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    made = now - timedelta(days=days)
    monkeypatch.setattr(smtp_secret, "due_at", lambda period: made + timedelta(days=period))
    assert measure_secret_age.overdue(now) == overdue


def test_the_age_becomes_a_metric(smtp: Smtp, lines: Callable[[], list[dict[str, Any]]]) -> None:
    smtp.add_current()
    measure_secret_age.handler({"execution": "daily"}, CONTEXT)
    (metric,) = [line for line in lines() if "SmtpSecretOverdue" in line]
    assert metric["SmtpSecretOverdue"] == [pytest.approx(-30, abs=0.01)]
    assert metric["service"] == "reset"
