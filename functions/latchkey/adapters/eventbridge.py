"""EventBridge: publishes which step a reset reached."""

import json
from typing import TYPE_CHECKING, Literal

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from latchkey.adapters.aws import BRIEF_CONFIG
from latchkey.observability import count, logger, stack_name

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

type Step = Literal[
    "Requested",
    "Rejected",
    "MailTagBroken",
    "Asked",
    "Confirmed",
    "Declined",
    "Unconfirmed",
    "Completed",
    "Claimed",
    "Expired",
    "Failed",
    "ClaimRevoked",
    "Lapsed",
    "Unlocked",
    "Orphaned",
]
"""What docs/events.md describes; `Superseded` is published by the state machine itself."""

SOURCE = "latchkey.reset"

_events = boto3.client("events", config=BRIEF_CONFIG)


def publish(step: Step, execution: str, user: str | None = None) -> None:
    """Count a step and put it on the account's event bus.

    A reset does not depend on its events: one that EventBridge does not take is logged, and lost.

    Args:
        step: what was reached.
        execution: the reset's name.
        user: the user's name, once IAM has confirmed it. What a stranger typed is not published.
    """
    count(step)
    detail = {"stack": stack_name(), "execution": execution}
    if user is not None:
        detail["user"] = user
    entry: PutEventsRequestEntryTypeDef = {"Source": SOURCE, "DetailType": step, "Detail": json.dumps(detail)}
    try:
        answer = _events.put_events(Entries=[entry])
    except (BotoCoreError, ClientError) as error:
        logger.warning("Could not publish the event %s: %s", step, error)
    else:
        for failed in (each for each in answer["Entries"] if "ErrorCode" in each):
            logger.warning("Could not publish the event %s: %s", step, failed["ErrorCode"])
