"""The cleanup: what resets left behind is undone in one run, what is looked after is not touched."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from latchkey.claims import Handle, TicketKind, user_key
from local.product import Product, Run
from tools.asl import Transition, read_definition, taken, transitions

DEFINITION = read_definition(Path(__file__).parents[2] / "statemachines" / "cleanup.asl.json")
OLD_PASSWORD = "0ld-Password-of-the-user"
LEFT_PASSWORD = "Left-behind-Passw0rd"
ORPHANS = 1000

seen: set[Transition] = set()


def clean(product: Product, *faults: dict[str, Any]) -> Run:
    """Run the cleanup once, and wait for its end."""
    machine = product.stack.outputs["CleanupStateMachineArn"]
    with product.faults(*faults):
        started = product.client("stepfunctions").start_execution(stateMachineArn=machine)
        run = product.wait_for_end(started["executionArn"], seconds=300)
    seen.update(taken(run.events, DEFINITION))
    return run


def stopped_reset(product: Product, state: str = "WaitForClaim") -> tuple[str, str]:
    """Start a reset of a new user, stop it in a state, and return the user and the claimed-to-be password."""
    user = product.create_user(OLD_PASSWORD)
    arn = product.start_reset(user)
    product.wait_for_state(arn, state)
    product.client("stepfunctions").stop_execution(executionArn=arn)
    (name,) = [name for name in product.parameters(user) if name.endswith("/claim")]
    value = product.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    return user, json.loads(value)["password"]


def leave_claim(product: Product, user: str, expires_at: datetime, execution: str = "long-gone") -> None:
    """Put a claim as `StorePassword` would, for an execution nobody knows."""
    handle = Handle.of(user, execution, expires_at)
    claim = {
        "user": user,
        "execution": execution,
        "stored_at": (expires_at - timedelta(hours=1)).isoformat(),
        "expires_at": handle.expires_at.isoformat(),
        "secret_sha256": "0" * 64,
        "password": LEFT_PASSWORD,
    }
    path = f"/{product.stack.stack_name}/claims/{user_key(user)}/{handle}"
    ssm = product.client("ssm")
    ssm.put_parameter(Name=f"{path}/claim", Type="SecureString", Value=json.dumps(claim))
    ssm.put_parameter(Name=f"{path}/token", Type="String", Value="no-token")


def test_healthy_stack_has_nothing_to_clean(product: Product) -> None:
    run = clean(product)
    assert (run.status, run.states) == ("SUCCEEDED", ["FindOrphans", "EachBatch", "MoreToFind", "Cleaned"])


def test_stopped_reset_is_undone_in_one_run(product: Product) -> None:
    user, password = stopped_reset(product)
    assert clean(product).status == "SUCCEEDED"
    assert product.parameters(user) == []
    assert not product.sign_in(user, password)["signed_in"]
    assert not product.sign_in(user, OLD_PASSWORD)["signed_in"]


def test_running_reset_is_left_alone(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    product.start_reset(user)
    link = product.wait_for_link(user)
    clean(product)
    password = product.claim(link).json()["password"]
    assert product.sign_in(user, password)["signed_in"]


def test_claim_past_its_time_is_undone_though_its_execution_still_runs(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    arn = product.start_reset(user)
    product.wait_for_state(arn, "WaitForClaim")
    leave_claim(product, user, datetime.now(UTC) - timedelta(minutes=10), arn.rpartition(":")[2])
    clean(product)
    assert product.wait_for_end(arn).status == "ABORTED"
    assert product.parameters(user) == []
    assert product.mails(user, "expired") == []


def test_reset_stopped_while_it_held_the_lock_is_undone(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    slow = {"service": "lambda", "action": "Invoke", "match": "StorePasswordFunction", "delay_seconds": 5}
    with product.faults(slow):
        arn = product.start_reset(user)
        product.wait_for_state(arn, "StorePassword")
        product.client("stepfunctions").stop_execution(executionArn=arn)
    assert [name.rpartition("/")[2] for name in product.parameters(user)] == ["lock"]
    clean(product)
    assert product.parameters(user) == []
    assert not product.sign_in(user, OLD_PASSWORD)["signed_in"]
    assert product.wait_for_end(product.start_reset_and_claim(user)).states[-1] == "Claimed"


@pytest.mark.parametrize("kind", TicketKind)
def test_ticket_past_its_time_is_swept_in_silence(product: Product, kind: TicketKind) -> None:
    user = product.create_user(OLD_PASSWORD)
    now = datetime.now(UTC)
    past, present = (leave_ticket(product, kind, user, now + timedelta(minutes=each)) for each in (-10, 10))
    run = clean(product)
    assert run.states[-1] == "Cleaned"
    assert product.parameters(user, kind) == [present]
    assert past not in product.parameters(user, kind)
    assert product.sign_in(user, OLD_PASSWORD)["signed_in"]


def leave_ticket(product: Product, kind: TicketKind, user: str, expires_at: datetime) -> str:
    handle = Handle.of(user, "long-gone", expires_at)
    name = f"/{product.stack.stack_name}/{kind}/{handle.user_key}/{handle}"
    product.client("ssm").put_parameter(Name=name, Type="String", Value="{}")
    return name


def test_password_that_somebody_made_their_own_stays(product: Product) -> None:
    user, _ = stopped_reset(product)
    product.client("iam").update_login_profile(
        UserName=user, Password=OLD_PASSWORD, PasswordResetRequired=False
    )
    clean(product)
    assert product.parameters(user) == []
    assert product.sign_in(user, OLD_PASSWORD)["signed_in"]


def test_second_cleanup_at_once_leaves_the_work_to_the_first(product: Product) -> None:
    slow = {"service": "lambda", "action": "Invoke", "match": "FindOrphansFunction", "delay_seconds": 2}
    with product.faults(slow), ThreadPoolExecutor(2) as pair:
        runs = list(pair.map(lambda _: clean(product), range(2)))
    assert sorted(run.states[-1] for run in runs) == ["AlreadyRunning", "Cleaned"]


def test_one_that_cannot_be_cleaned_does_not_keep_the_others(product: Product) -> None:
    stuck, well = (product.create_user(OLD_PASSWORD) for _ in range(2))
    for user in (stuck, well):
        leave_claim(product, user, datetime.now(UTC) - timedelta(hours=2))
    denied = {"service": "iam", "action": "GetUser", "match": stuck, "error": "AccessDenied", "times": None}
    run = clean(product, denied)
    assert run.states[-1] == "Cleaned"
    assert product.parameters(well) == []
    assert product.parameters(stuck)
    clean(product)
    assert product.parameters(stuck) == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            {"service": "ssm", "action": "GetParametersByPath", "error": "AccessDeniedException"},
            "list the parameters",
        ),
        ({"service": "lambda", "action": "Invoke", "error": "States.Timeout"}, "States.Timeout"),
    ],
    ids=["is denied", "hangs"],
)
def test_cleanup_that(product: Product, fault: dict[str, Any], words: str) -> None:
    run = clean(product, {**fault, "times": None})
    assert (run.status, run.states) == ("FAILED", ["FindOrphans", "Failed"])
    assert words in run.cause


def test_thousand_orphans_are_cleaned_in_one_execution(product: Product) -> None:
    past = datetime.now(UTC) - timedelta(hours=2)
    users = [f"left-{number}@example.com" for number in range(ORPHANS)]
    iam = product.client("iam")
    for user in users:
        iam.create_user(UserName=user)
        iam.create_login_profile(UserName=user, Password=LEFT_PASSWORD, PasswordResetRequired=True)
        leave_claim(product, user, past)
    run = clean(product)
    assert run.status == "SUCCEEDED"
    assert run.states.count("FindOrphans") > 1
    assert product.parameters_below(f"/{product.stack.stack_name}/claims") == []
    assert [user for user in users[::100] if product.sign_in(user, LEFT_PASSWORD)["signed_in"]] == []


def test_every_transition_was_taken() -> None:
    assert transitions(DEFINITION) - seen == set()
