"""The events of a reset on the bus: in the documented form, and without a secret."""

import json
import secrets
from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any

import pytest

from local.driver.product import Product, wait_for
from tests.e2e.leaks import leaks

OLD_PASSWORD = "0ld-Password-of-the-user"

type Hear = Callable[[str, str], list[dict[str, Any]]]


@pytest.fixture
def hear(product: Product) -> Generator[Hear]:
    """Listen on the bus; yields what returns a user's events, once the last of them was heard."""
    sqs, bus = product.client("sqs"), product.client("events")
    name = f"heard-{secrets.token_hex(4)}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name=name, EventPattern=json.dumps({"source": ["latchkey.reset"]}))
    bus.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    heard: list[dict[str, Any]] = []

    def of(execution_arn: str, last: str) -> list[dict[str, Any]]:
        def look() -> list[dict[str, Any]] | None:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                heard.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            execution = execution_arn.rpartition(":")[2]
            mine = [event for event in heard if event["detail"]["execution"] == execution]
            return mine if last in [event["detail-type"] for event in mine] else None

        return wait_for(f"the event {last}", look)

    yield of
    bus.remove_targets(Rule=name, Ids=["queue"])
    bus.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=url)


def steps(events: list[dict[str, Any]]) -> list[str]:
    return [event["detail-type"] for event in sorted(events, key=lambda event: event["time"])]


def test_every_step_of_a_revoked_claim_is_told_without_a_secret(product: Product, hear: Hear) -> None:
    user = product.create_user(OLD_PASSWORD)
    product.request_and_confirm(user)
    (arn,) = product.execution_arns(user)
    link = product.wait_for_link(user)
    password = product.claim(link).json()["password"]
    product.wait_for_end(arn)
    notice = product.wait_for_notice(user)
    product.revoke(notice).raise_for_status()
    events = hear(arn, "ClaimRevoked")
    # The bus promises no order within one second.
    assert set(steps(events)) == {"Requested", "Asked", "Confirmed", "Completed", "Claimed", "ClaimRevoked"}
    for event in events:
        assert event["source"] == "latchkey.reset"
        assert datetime.fromisoformat(event["time"])
        named = {} if event["detail-type"] == "Requested" else {"user": user}
        assert event["detail"] == {
            "stack": product.stack.stack_name,
            "execution": arn.rpartition(":")[2],
            **named,
        }
    for secret in (password, link.rs, notice.rs):
        assert leaks(secret, iter([("events", json.dumps(events))])) == []


def test_a_superseded_reset_is_told(product: Product, hear: Hear) -> None:
    user = product.create_user(OLD_PASSWORD)
    older = product.start_reset(user)
    product.wait_for_link(user)
    product.wait_until_claimable(user)
    product.start_reset(user)
    (event,) = [event for event in hear(older, "Superseded") if event["detail-type"] == "Superseded"]
    execution = older.rpartition(":")[2]
    assert event["detail"] == {"stack": product.stack.stack_name, "execution": execution, "user": user}


def test_a_name_no_user_has_is_not_published(product: Product, hear: Hear) -> None:
    typed = f"my-password-by-mistake-{secrets.token_hex(4)}"
    product.request(typed)
    (arn,) = product.execution_arns(typed)
    assert typed not in json.dumps(hear(arn, "Rejected"))
