"""The cleanup: orphaned resets are undone in one run, running ones are not touched."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import batched
from pathlib import Path
from typing import Any

import pytest

from latchkey.domain.claims import item_id, user_key
from local.driver.faults import fault, hangs
from local.driver.product import Product, Run, wait_for
from tools.asl import Transition, read_definition, taken, transitions

DEFINITION = read_definition(Path(__file__).parents[2] / "statemachines" / "cleanup.asl.json")
OLD_PASSWORD = "0ld-Password-of-the-user"
LEFT_PASSWORD = "Left-behind-Passw0rd"
#: More than one part of the list.
ORPHANS = 1001

seen: set[Transition] = set()


def clean(product: Product, *faults: dict[str, Any]) -> Run:
    """Run the cleanup once, and wait for its end."""
    machine = product.stack.outputs["CleanupStateMachineArn"]
    with product.faults(*faults):
        started = product.client("stepfunctions").start_execution(stateMachineArn=machine)
        run = product.wait_for_end(started["executionArn"], seconds=300)
    seen.update(taken(run.events, DEFINITION))
    return run


def stopped_reset(product: Product) -> tuple[str, str]:
    """Start a reset of a new user, stop it as it waits, and return the user and the password that waits."""
    user = product.create_user(OLD_PASSWORD)
    arn = product.start_reset(user)
    product.wait_until_claimable(user)
    product.client("stepfunctions").stop_execution(executionArn=arn)
    return user, product.stored_password(user)


def leave_resets(product: Product, users: list[str], due_at: datetime) -> None:
    """Put resets into the registry whose execution was stopped: one for all."""
    arn = product.start_reset("left@example.com")
    product.client("stepfunctions").stop_execution(executionArn=arn)
    product.wait_for_end(arn)
    execution = arn.rpartition(":")[2]
    for batch in batched(users, 25, strict=False):
        items = [{"PutRequest": {"Item": left_reset(user, execution, due_at)}} for user in batch]
        product.client("dynamodb").batch_write_item(RequestItems={product.registry: items})


def left_reset(user: str, execution: str, due_at: datetime) -> dict[str, Any]:
    current = {"execution": execution, "phase": "waiting", "user": user, "task_token": "no-token"}
    times = {"begun_at": due_at - timedelta(hours=2), "expires_at": due_at}
    return {
        "id": {"S": item_id(user_key(user))},
        "queue": {"S": "cleanup"},
        "due_at": {"N": str(int(due_at.timestamp()))},
        "current": {
            "M": {name: {"S": value} for name, value in current.items()}
            | {name: {"N": str(int(moment.timestamp()))} for name, moment in times.items()}
        },
    }


def test_healthy_stack_has_nothing_to_clean(product: Product) -> None:
    run = clean(product)
    assert (run.status, run.states) == ("SUCCEEDED", ["FindOrphans", "EachBatch", "MoreToFind", "Cleaned"])


def test_stopped_reset_is_undone_in_one_run_once_its_time_is_over(product: Product) -> None:
    user, password = stopped_reset(product)
    assert clean(product).status == "SUCCEEDED"
    assert product.phase(user) == "waiting", "it is younger than the grace"
    assert product.extract(product.wait_for_link(user)).status_code == 410
    product.make_due(user)
    assert clean(product).status == "SUCCEEDED"
    assert product.waiting(user) == []
    assert not product.sign_in(user, password)["signed_in"]
    assert not product.sign_in(user, OLD_PASSWORD)["signed_in"]


def test_a_shown_password_that_its_user_does_not_use_is_revoked_once_it_is_due(product: Product) -> None:
    idle, busy = product.create_user(OLD_PASSWORD), product.create_user(OLD_PASSWORD)
    shown = {}
    for user in (idle, busy):
        arn = product.start_reset(user)
        shown[user] = product.claim(product.wait_for_link(user)).json()["password"]
        assert product.wait_for_end(arn).states[-1] == "Claimed"
    product.client("iam").update_login_profile(
        UserName=busy, Password="Chosen-by-the-User-1", PasswordResetRequired=False
    )
    assert clean(product).status == "SUCCEEDED"
    assert product.phase(idle) == "claimed", "it is not due yet"
    for user in (idle, busy):
        product.make_due(user)
    assert clean(product).status == "SUCCEEDED"
    assert (product.phase(idle), product.phase(busy)) == ("over", "over")
    assert not product.sign_in(idle, shown[idle])["signed_in"]
    assert product.sign_in(busy, "Chosen-by-the-User-1")["signed_in"]
    assert product.revoke(product.wait_for_notice(idle)).status_code == 200, "its notice still works"


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
    product.wait_for_link(user)
    product.wait_until_claimable(user)
    product.make_due(user)
    clean(product)
    assert product.wait_for_end(arn).status == "ABORTED"
    assert product.phase(user) == "waiting", "a step of it may still be at work"
    clean(product)
    assert product.waiting(user) == []
    assert product.mails(user, "expired") == []


def test_reset_stopped_while_it_changed_the_account_is_undone(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    slow = {"service": "lambda", "action": "Invoke", "match": "StorePasswordFunction", "delay_seconds": 5}
    with product.faults(slow):
        arn = product.start_reset(user)
        product.wait_for_state(arn, "StorePassword")
        product.client("stepfunctions").stop_execution(executionArn=arn)
    assert product.phase(user) == "resetting"
    product.make_due(user)
    clean(product)
    wait_for("the last step to find out", lambda: product.waiting(user) == [])
    assert not product.sign_in(user, OLD_PASSWORD)["signed_in"]
    assert product.wait_for_end(product.start_reset_and_claim(user)).states[-1] == "Claimed"


def test_password_that_its_user_has_changed_stays(product: Product) -> None:
    user, _ = stopped_reset(product)
    product.make_due(user)
    product.client("iam").update_login_profile(
        UserName=user, Password=OLD_PASSWORD, PasswordResetRequired=False
    )
    clean(product)
    assert product.waiting(user) == []
    assert product.sign_in(user, OLD_PASSWORD)["signed_in"]


def test_of_two_cleanups_at_once_each_reset_is_undone_by_one(product: Product) -> None:
    users = [product.create_user(OLD_PASSWORD) for _ in range(5)]
    leave_resets(product, users, datetime.now(UTC) - timedelta(hours=2))
    with ThreadPoolExecutor(2) as pair:
        runs = list(pair.map(lambda _: clean(product), range(2)))
    assert [run.states[-1] for run in runs] == ["Cleaned"] * 2
    removed = [json.loads(run.description["output"])["removed"] for run in runs]
    assert sum(removed) == len(users)
    assert [product.waiting(user) for user in users] == [[]] * len(users)


def test_one_that_cannot_be_cleaned_does_not_keep_the_others(product: Product) -> None:
    stuck, well = (product.create_user(OLD_PASSWORD) for _ in range(2))
    leave_resets(product, [stuck, well], datetime.now(UTC) - timedelta(hours=2))
    denied = fault("iam", "GetUser", "AccessDenied", match=stuck)
    run = clean(product, denied)
    # It is the alarm's business: a password that was shown and not used may be among what is left.
    assert (run.states[-1], run.description["error"]) == ("Failed", "AccessDeniedError")
    assert run.description["cause"].startswith("RemoveOrphans failed with AccessDeniedError: ")
    assert product.waiting(well) == []
    assert product.waiting(stuck) == ["revoking"]
    product.make_due(stuck)
    clean(product)
    assert product.waiting(stuck) == []


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (fault("dynamodb", "Query", "AccessDeniedException"), "look for what is due"),
        (hangs("FindOrphans"), "States.Timeout"),
    ],
    ids=["is denied", "hangs"],
)
def test_a_cleanup_that_cannot_look_fails_and_says_why(
    product: Product, trouble: dict[str, Any], words: str
) -> None:
    run = clean(product, trouble)
    assert (run.status, run.states) == ("FAILED", ["FindOrphans", "Failed"])
    assert words in run.cause


def test_thousand_orphans_are_cleaned_in_one_execution(product: Product) -> None:
    """A tenth of them still have the account: of the others, who left, the registry alone tells."""
    users = [f"left-{number}@example.com" for number in range(ORPHANS)]
    iam = product.client("iam")
    for user in users[::10]:
        iam.create_user(UserName=user)
        iam.create_login_profile(UserName=user, Password=LEFT_PASSWORD, PasswordResetRequired=True)
    leave_resets(product, users, datetime.now(UTC) - timedelta(hours=2))
    run = clean(product)
    assert run.status == "SUCCEEDED"
    assert run.states.count("FindOrphans") > 1
    assert phases(product).items() >= dict.fromkeys(map(user_key, users), "over").items()
    assert [user for user in users[::10] if product.sign_in(user, LEFT_PASSWORD)["signed_in"]] == []


def phases(product: Product) -> dict[str, str]:
    """Return how far the present reset of each user has come, by the user's key."""
    pages = product.client("dynamodb").get_paginator("scan").paginate(TableName=product.registry)
    items = [item for page in pages for item in page["Items"] if item["id"]["S"].startswith(item_id(""))]
    return {
        item["id"]["S"].removeprefix(item_id("")): item["current"]["M"]["phase"]["S"]
        for item in items
        if "current" in item
    }


def test_every_transition_was_taken() -> None:
    assert transitions(DEFINITION) - seen == set()
