"""The rotation: wherever it is stopped, one pair of credentials works before, during and after."""

import json
import secrets
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.driver.faults import fault
from local.driver.product import Product, Run, wait_for
from local.driver.rotation import Rotation
from tools.asl import Transition, own_states, read_definition, taken, transitions

DEFINITION = read_definition(Path(__file__).parents[2] / "statemachines" / "rotation.asl.json")
STATES = own_states(DEFINITION)
HAPPY = [
    "PlanRotation",
    "CreateCredentials",
    "VerifyCredentials",
    "PromoteCredentials",
    "Overlap",
    "DeactivateKey",
    "GracePeriod",
    "DeleteKey",
    "Rotated",
]
ROLLED_BACK = ["RollBack", "NotifyFailed", "Failed"]
#: Scaled to fractions of a second by the local cloud, but not as the age of credentials: with these a
#: rotation that was stopped is finished, without any wait it makes way for a new one.
WAITS = {"overlap_seconds": 60, "grace_seconds": 60}
NO_WAITS = {"overlap_seconds": 0, "grace_seconds": 0}
FOREVER = {"overlap_seconds": 6000, "grace_seconds": 6000}

#: What the executions of this module went through; the last test looks for transitions not taken.
seen: set[Transition] = set()


@pytest.fixture
def rotation(product: Product) -> Rotation:
    """Return the rotation of a stack with one working pair of credentials."""
    rotation = Rotation(product)
    with key_delay(product, 0):
        if not is_settled(rotation):
            finish(rotation, **NO_WAITS)
    assert is_settled(rotation)
    return rotation


@contextmanager
def key_delay(product: Product, seconds: float) -> Generator[None]:
    """Let new keys work after some seconds."""
    url = f"{product.stack.endpoint_url}/_latchkey/smtp"
    product.http.post(url, json={"key_delay_seconds": seconds}).raise_for_status()
    yield


def is_settled(rotation: Rotation) -> bool:
    """Say whether there is exactly one key, the current one, it logs in, and nothing is staged."""
    current = rotation.credentials()
    only_one = rotation.keys() == {current.get("username"): "Active"}
    return only_one and "AWSPENDING" not in rotation.labels() and rotation.logs_in(current)


def finish(rotation: Rotation, **waits: float) -> Run:
    """Rotate once, and remember the way it took."""
    run = rotation.run(**waits)
    seen.update(taken(run.events, DEFINITION))
    return run


def stale(service: str, action: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a fault by which three reads do not see a write yet."""
    return {"service": service, "action": action, "stale": True, "times": 3, **more}


LOGIN_REFUSED = fault("smtp", "Login", "535", message="Authentication Credentials Invalid")


def call_of(state: str) -> dict[str, Any]:
    """Return the call that a state makes, as a fault's fields."""
    if STATES[state]["Resource"].endswith("lambda:invoke"):
        return {"service": "lambda", "action": "Invoke", "match": f"{state}Function"}
    return {"service": "sns", "action": "Publish"}


def way_to(state: str) -> list[dict[str, Any]]:
    """Return the faults without which an execution does not come to a state."""
    return [] if state in HAPPY else [LOGIN_REFUSED]


# Stopped anywhere

WORKING = [name for name, state in STATES.items() if state["Type"] in {"Task", "Wait"}]
TASKS = [name for name in WORKING if STATES[name]["Type"] == "Task"]


def test_the_cases_are_those_of_the_definition() -> None:
    assert set(HAPPY[:-1]) < set(WORKING)
    assert set(WORKING) - set(HAPPY) == {"RollBack", "NotifyFailed"}


@pytest.mark.parametrize("state", WORKING)
def test_a_rotation_that_was_aborted_leaves_working_credentials(rotation: Rotation, state: str) -> None:
    following = STATES[state]["Next"]
    product, ends = rotation.product, STATES[following]["Type"] in {"Succeed", "Fail"}
    held = [fault(error="Held", delay_seconds=2, **call_of(following))] if following in TASKS else []
    waits = WAITS | ({f"{following.lower()}_seconds": 6000} if STATES[following]["Type"] == "Wait" else {})
    with product.faults(*way_to(state), *held):
        arn = rotation.start(**waits, verify_seconds=0)
        product.wait_for_state(arn, following)
        if not ends:
            product.client("stepfunctions").stop_execution(executionArn=arn)
        run = product.wait_for_end(arn)
    assert run.states[-1] == following
    assert rotation.logs_in(rotation.credentials())
    assert finish(rotation, **WAITS).states == HAPPY
    assert is_settled(rotation)


@pytest.mark.parametrize("state", TASKS)
def test_a_rotation_whose_answers_are_lost_fails_and_the_next_one_succeeds(
    rotation: Rotation, state: str
) -> None:
    lost = fault(error="Runtime.ExitError", late=True, **call_of(state))
    with rotation.product.faults(*way_to(state), lost):
        run = finish(rotation, **WAITS, verify_seconds=0)
    assert (run.status, run.states[-1]) == ("FAILED", "Failed")
    assert state in run.states
    assert rotation.logs_in(rotation.credentials())
    assert finish(rotation, **NO_WAITS).states == HAPPY
    assert is_settled(rotation)


def test_stopped_rotation_is_finished_with_the_credentials_it_made(rotation: Rotation) -> None:
    arn = rotation.start(**FOREVER)
    rotation.product.wait_for_state(arn, "Overlap")
    made = rotation.credentials()
    rotation.product.client("stepfunctions").stop_execution(executionArn=arn)
    assert finish(rotation, **WAITS).status == "SUCCEEDED"
    assert rotation.credentials() == made
    assert is_settled(rotation)


# In one go


def test_old_credentials_work_until_they_are_deactivated(rotation: Rotation) -> None:
    old = rotation.credentials()
    arn = rotation.start(overlap_seconds=6000, grace_seconds=60)
    rotation.product.wait_for_state(arn, "Overlap")
    new = rotation.credentials()
    assert new != old
    assert rotation.logs_in(old)
    assert rotation.logs_in(new)
    assert rotation.keys() == {old["username"]: "Active", new["username"]: "Active"}
    rotation.product.client("stepfunctions").stop_execution(executionArn=arn)
    arn = rotation.start(overlap_seconds=60, grace_seconds=6000)
    rotation.product.wait_for_state(arn, "GracePeriod")
    assert rotation.keys() == {old["username"]: "Inactive", new["username"]: "Active"}
    assert not rotation.logs_in(old)
    rotation.product.client("stepfunctions").stop_execution(executionArn=arn)


def test_rotation_waits_for_the_new_key_to_work(rotation: Rotation) -> None:
    with key_delay(rotation.product, 3):
        run = finish(rotation, **WAITS)
    assert run.states == HAPPY
    assert is_settled(rotation)


def test_key_that_takes_longer_than_a_try_is_waited_for(rotation: Rotation) -> None:
    with rotation.product.faults(LOGIN_REFUSED | {"times": 3}) as hits:
        run = finish(rotation, **WAITS, verify_seconds=0)
        assert hits() == [3]
    assert run.states == HAPPY
    assert is_settled(rotation)


@pytest.mark.parametrize("read", ["GetSecretValue", "ListSecretVersionIds"])
def test_staged_credentials_that_are_not_seen_at_once_are_waited_for(rotation: Rotation, read: str) -> None:
    with rotation.product.faults(stale("secretsmanager", read)) as hits:
        run = finish(rotation, **WAITS)
        assert hits() == [3]
    assert run.states == HAPPY
    assert is_settled(rotation)


@pytest.mark.parametrize("seen_by", [["PromoteCredentials"], ["PromoteCredentials", "DeactivateKey"]])
def test_promotion_that_is_not_seen_at_once_is_waited_for(rotation: Rotation, seen_by: list[str]) -> None:
    held = fault(error="", delay_seconds=2, **call_of("PromoteCredentials") | {"times": 1})
    with rotation.product.faults(held):
        # No wait where the waits are zero, nor in a first rotation.
        arn = rotation.start(**NO_WAITS)
        rotation.product.wait_for_state(arn, "PromoteCredentials")
        late = stale("secretsmanager", "ListSecretVersionIds", after=len(seen_by))
        with rotation.product.faults(late) as hits:
            run = rotation.product.wait_for_end(arn)
            assert hits()[-1] == late["times"]
    assert run.states == HAPPY
    assert is_settled(rotation)


def test_first_rotation_fills_an_empty_secret(rotation: Rotation) -> None:
    rotation.delete_key(*rotation.keys())
    rotation.product.client("secretsmanager").put_secret_value(SecretId=rotation.secret, SecretString="{}")
    assert finish(rotation).states == HAPPY
    assert is_settled(rotation)


def test_throttling_at_every_call_is_waited_out(rotation: Rotation) -> None:
    throttled = [
        fault(service, action, code, times=3)
        for service, code, actions in (
            ("iam", "Throttling", ["ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"]),
            ("iam", "Throttling", ["CreateAccessKey"]),
            ("secretsmanager", "ThrottlingException", ["ListSecretVersionIds", "GetSecretValue"]),
            ("secretsmanager", "ThrottlingException", ["PutSecretValue", "UpdateSecretVersionStage"]),
            ("sfn", "ThrottlingException", ["ListExecutions"]),
        )
        for action in actions
    ]
    with rotation.product.faults(*throttled) as hits:
        run = finish(rotation, **WAITS)
        assert hits() == [3] * len(throttled)
    assert run.states == HAPPY
    assert is_settled(rotation)


def test_answer_lost_at_every_change_is_asked_for_again(rotation: Rotation) -> None:
    lost = [
        {"service": service, "action": action, "crash": True, "late": True}
        for service, action in (
            ("iam", "CreateAccessKey"),
            ("iam", "UpdateAccessKey"),
            ("iam", "DeleteAccessKey"),
            ("secretsmanager", "PutSecretValue"),
            ("secretsmanager", "UpdateSecretVersionStage"),
        )
    ]
    with rotation.product.faults(*lost) as hits:
        run = finish(rotation, **WAITS)
        assert hits() == [1] * len(lost)
    assert run.states == HAPPY
    assert is_settled(rotation)


def test_endpoint_that_is_out_of_reach_for_a_while_is_waited_for(rotation: Rotation) -> None:
    out = [
        fault("smtp", "Connect", "", crash=True, times=1),
        fault("smtp", "Connect", "421", times=1),
        fault("smtp", "Login", "454", times=2),
    ]
    with rotation.product.faults(*out):
        assert finish(rotation, **WAITS).states == HAPPY
    assert is_settled(rotation)


# Failures before promotion


@contextmanager
def told(product: Product) -> Generator[list[str]]:
    """Collect what the administrators are told meanwhile."""
    sqs, sns, name = product.client("sqs"), product.client("sns"), f"told-{secrets.token_hex(4)}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = product.client("cloudformation").describe_stack_resource(
        StackName=product.stack.stack_name, LogicalResourceId="AlarmTopic"
    )["StackResourceDetail"]["PhysicalResourceId"]
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow | {"Resource": queue}]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True)
    messages: list[str] = []
    yield messages
    found = wait_for(
        "what the administrators are told",
        lambda: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"),
    )
    messages += [json.loads(message["Body"])["Message"] for message in found]
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)


@pytest.mark.parametrize(
    ("trouble", "states", "words"),
    [
        (
            LOGIN_REFUSED,
            HAPPY[:3],
            "VerifyCredentials failed with CredentialsRefusedError: Could not log in as",
        ),
        (
            fault("smtp", "Connect", "", crash=True),
            HAPPY[:3],
            "VerifyCredentials failed with SmtpUnavailableError: Could not speak to 127.0.0.1",
        ),
        (
            fault("secretsmanager", "PutSecretValue", "AccessDeniedException"),
            HAPPY[:2],
            "CreateCredentials failed with AccessDeniedError: Could not stage the credentials",
        ),
        (
            fault("iam", "CreateAccessKey", "LimitExceeded", status=409),
            HAPPY[:2],
            "CreateCredentials failed with KeyLimitError: Could not create an access key",
        ),
        (
            fault("secretsmanager", "UpdateSecretVersionStage", "AccessDeniedException", match="AWSCURRENT"),
            HAPPY[:4],
            "PromoteCredentials failed with AccessDeniedError: Could not promote the credentials",
        ),
    ],
    ids=["new key never works", "endpoint unreachable", "staging denied", "no room", "promotion denied"],
)
def test_failure_before_promotion_is_rolled_back(
    rotation: Rotation, trouble: dict[str, Any], states: list[str], words: str
) -> None:
    old, keys = rotation.credentials(), rotation.keys()
    with rotation.product.faults(trouble), told(rotation.product) as messages:
        run = finish(rotation, **WAITS, verify_seconds=0)
    assert (run.status, run.states) == ("FAILED", [*states, *ROLLED_BACK])
    assert words in run.cause
    assert (rotation.credentials(), rotation.keys()) == (old, keys)
    assert is_settled(rotation)
    # On a slow machine the alarm has gone silent since an earlier failure, and rings there once more.
    (message,) = [each for each in messages if run.description["executionArn"] in each]
    assert words in message


def test_failed_roll_back_tells_of_the_first_failure_too(rotation: Rotation) -> None:
    denied = fault("iam", "DeleteAccessKey", "AccessDenied", status=403)
    with rotation.product.faults(LOGIN_REFUSED, denied):
        run = finish(rotation, **WAITS, verify_seconds=0)
    assert run.states == [*HAPPY[:3], *ROLLED_BACK]
    assert "RollBack failed with AccessDeniedError" in run.cause
    assert "(after VerifyCredentials failed with CredentialsRefusedError" in run.cause
    assert finish(rotation, **WAITS).status == "SUCCEEDED"
    assert is_settled(rotation)


# Other hands


def test_second_rotation_at_once_stops_with_a_clear_cause(rotation: Rotation) -> None:
    first = rotation.start(**FOREVER)
    rotation.product.wait_for_state(first, "Overlap")
    before = rotation.keys(), rotation.labels()
    second = finish(rotation, **WAITS)
    assert (second.status, second.states) == ("FAILED", ["PlanRotation", "Failed"])
    assert second.description["error"] == "RotationInProgressError"
    assert f"A rotation that started earlier still runs: {first.rpartition(':')[2]}" in second.cause
    assert (rotation.keys(), rotation.labels()) == before
    rotation.product.client("stepfunctions").stop_execution(executionArn=first)


def test_of_two_rotations_started_together_one_goes_on(rotation: Rotation) -> None:
    with ThreadPoolExecutor(2) as pair:
        runs = list(pair.map(lambda _: finish(rotation, **WAITS), range(2)))
    assert "SUCCEEDED" in {run.status for run in runs}
    assert is_settled(rotation)


def test_two_foreign_keys_stop_it_and_nothing_is_touched(rotation: Rotation) -> None:
    iam, user = rotation.product.client("iam"), rotation.user
    rotation.delete_key(*rotation.keys())
    foreign = [iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"] for _ in range(2)]
    before = rotation.keys(), rotation.labels()
    run = finish(rotation, **WAITS)
    assert (run.status, run.states) == ("FAILED", ["PlanRotation", "NotifyFailed", "Failed"])
    assert run.description["error"] == "KeyLimitError"
    assert all(key in run.cause for key in foreign)
    assert (rotation.keys(), rotation.labels()) == before
    rotation.delete_key(foreign[0])
    assert finish(rotation, **WAITS).states == HAPPY
    assert is_settled(rotation)


def test_new_key_deleted_before_it_is_tried(rotation: Rotation) -> None:
    old = rotation.credentials()
    held = fault(error="Held", delay_seconds=6, **call_of("VerifyCredentials") | {"times": 1})
    with rotation.product.faults(held):
        arn = rotation.start(**WAITS, verify_seconds=0)
        rotation.product.wait_for_state(arn, "VerifyCredentials")
        (new,) = set(rotation.keys()) - {old["username"]}
        rotation.delete_key(new)
        run = rotation.product.wait_for_end(arn)
    assert run.states == [*HAPPY[:3], *ROLLED_BACK]
    assert rotation.credentials() == old
    assert is_settled(rotation)


def test_version_unstaged_by_hand_is_rolled_back(rotation: Rotation) -> None:
    old = rotation.credentials()
    held = fault(error="Held", delay_seconds=6, **call_of("PromoteCredentials") | {"times": 1})
    with rotation.product.faults(held):
        arn = rotation.start(**WAITS)
        rotation.product.wait_for_state(arn, "PromoteCredentials")
        rotation.move_label("AWSPENDING", source=rotation.labels()["AWSPENDING"])
        run = rotation.product.wait_for_end(arn)
    assert run.states == [*HAPPY[:4], *ROLLED_BACK]
    assert "is no longer the staged one" in run.cause
    assert rotation.credentials() == old
    assert is_settled(rotation)


def test_old_key_stays_when_the_new_one_is_deleted_meanwhile(rotation: Rotation) -> None:
    old = rotation.credentials()
    arn = rotation.start(overlap_seconds=200, grace_seconds=0)
    rotation.product.wait_for_state(arn, "Overlap")
    new = rotation.credentials()["username"]
    rotation.delete_key(new)
    run = rotation.product.wait_for_end(arn)
    seen.update(taken(run.events, DEFINITION))
    assert run.states == [*HAPPY[:6], "NotifyFailed", "Failed"]
    assert f"The current access key {new} is gone or inactive" in run.cause
    assert rotation.logs_in(old)
    assert finish(rotation, **WAITS).states == HAPPY
    assert is_settled(rotation)


def test_old_key_stays_when_an_operator_rolled_back_meanwhile(rotation: Rotation) -> None:
    old = rotation.credentials()
    arn = rotation.start(overlap_seconds=200, grace_seconds=0)
    rotation.product.wait_for_state(arn, "Overlap")
    labels = rotation.labels()
    rotation.move_label("AWSCURRENT", source=labels["AWSCURRENT"], target=labels["AWSPREVIOUS"])
    run = rotation.product.wait_for_end(arn)
    assert run.states == [*HAPPY[:6], "NotifyFailed", "Failed"]
    assert "current version is no longer" in run.cause
    assert rotation.credentials() == old
    assert rotation.logs_in(old)


def test_current_key_deleted_before_is_replaced(rotation: Rotation) -> None:
    (key,) = rotation.keys()
    rotation.delete_key(key)
    assert finish(rotation, **WAITS).states == HAPPY
    assert is_settled(rotation)


def test_secret_that_was_lost_and_made_again_is_filled(rotation: Rotation) -> None:
    client = rotation.product.client("secretsmanager")
    client.delete_secret(SecretId=rotation.secret, ForceDeleteWithoutRecovery=True)
    client.create_secret(Name=rotation.secret, SecretString="{}")
    assert finish(rotation, **WAITS).states == HAPPY
    assert is_settled(rotation)


def test_every_transition_was_taken() -> None:
    assert transitions(DEFINITION) - seen == set()
