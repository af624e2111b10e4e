"""DynamoDB: which reminders were sent, so that each is sent once.

A reminder is claimed before its mail goes out, and marked as sent after it. A claim ends with the invocation
that made it: a reminder whose sender died between mail and mark is sent again, twice rather than never.
"""

import os
import time
from collections.abc import Iterable, Sequence
from itertools import batched
from typing import Any, Self

import boto3

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors
from latchkey.errors import LatchkeyError, ReminderInProgressError, ThrottledError
from latchkey.observability import logger

_dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)

#: So many reminders are claimed, or given up, in one call; each is marked as sent by itself.
_CLAIMED_AT_ONCE = 25

#: The most that one call reads, and the pauses before what it left unread is asked for again
#: (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
_READ_AT_ONCE = 100
_PAUSES = (0, 0.1, 0.2, 0.4, 0.8)

#: Longer than from the longest threshold, 999 days, to the last mail after the expiry.
_KEPT_SECONDS = 1100 * 24 * 3600

#: A claim may be taken once the invocation that made it has certainly ended.
_IS_FREE = "attribute_not_exists(id) OR claimed_until < :now"


def sent_by(keys: Iterable[str]) -> dict[str, str]:
    """Return which of the reminders were sent, and by which run.

    Raises:
        LatchkeyError: when DynamoDB cannot be read.
    """
    found: dict[str, str] = {}
    for some in batched(dict.fromkeys(keys), _READ_AT_ONCE, strict=False):
        table = os.environ["IDEMPOTENCY_TABLE"]
        left: Any = {table: {"Keys": [{"id": {"S": key}} for key in some], "ConsistentRead": True}}
        for pause in _PAUSES:
            time.sleep(pause)
            with translate_errors("look up reminders"):
                answer = _dynamodb.batch_get_item(RequestItems=left)
            found |= {item["id"]["S"]: item["run"]["S"] for item in answer["Responses"][table] if _sent(item)}
            left = answer["UnprocessedKeys"]
            if not left:
                break
        else:
            raise ThrottledError("Could not look up reminders: DynamoDB left some unread.")
    return found


class ReminderIdempotency:
    """The record of what one invocation sends; its end gives up what was claimed and not sent."""

    def __init__(self, run: str, keys: Iterable[str], until: float) -> None:
        """Prepare; nothing is claimed yet.

        Args:
            run: the run's name.
            keys: the reminders that will be claimed, in this order.
            until: when the invocation has certainly ended, in seconds since 1970.
        """
        self._run, self._until = run, until
        self._upcoming = list(dict.fromkeys(keys))
        self._claimed: set[str] = set()
        self._sent: dict[str, str] = {}
        self._table = os.environ["IDEMPOTENCY_TABLE"]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give up what was claimed and not sent; where that fails, the claims end with the invocation."""
        for some in batched(sorted(self._claimed), _CLAIMED_AT_ONCE, strict=False):
            deletions: Any = [
                {"Delete": {"TableName": self._table, "Key": {"id": {"S": key}}}} for key in some
            ]
            try:
                with translate_errors("give up reminders"):
                    _dynamodb.transact_write_items(TransactItems=deletions)
            except LatchkeyError as error:
                logger.warning("%s", error)

    def claim(self, key: str) -> str | None:
        """Claim a reminder, and with it those that come next.

        Returns:
            The run that has sent it; None if this invocation shall.

        Raises:
            ReminderInProgressError: when another try may be sending it now.
            LatchkeyError: when DynamoDB cannot be written.
        """
        if key in self._upcoming:
            next_ones = self._upcoming[self._upcoming.index(key) :]
            self._claim(next_ones[:_CLAIMED_AT_ONCE])
            self._upcoming = next_ones[_CLAIMED_AT_ONCE:]
        if key in self._claimed:
            return None
        if key in self._sent:
            return self._sent[key]
        raise ReminderInProgressError("Another try may be sending this reminder.")

    def mark_sent(self, key: str) -> None:
        """Note that a reminder went out.

        Raises:
            LatchkeyError: when DynamoDB cannot be written; the claim stays until the invocation's end.
        """
        self._claimed.discard(key)
        self._sent[key] = self._run
        with translate_errors("record a reminder"):
            _dynamodb.put_item(TableName=self._table, Item=self._item(key))

    def _claim(self, keys: Sequence[str]) -> None:
        """Claim all of the reminders that may be claimed, together."""
        while keys:
            now = {":now": {"N": str(int(time.time()))}}
            puts: Any = [
                {
                    "Put": {
                        "TableName": self._table,
                        "Item": {**self._item(key), "claimed_until": {"N": str(int(self._until) + 1)}},
                        "ConditionExpression": _IS_FREE,
                        "ExpressionAttributeValues": now,
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                    }
                }
                for key in keys
            ]
            try:
                with translate_errors("claim reminders"):
                    _dynamodb.transact_write_items(TransactItems=puts)
            except _dynamodb.exceptions.TransactionCanceledException as error:
                keys = self._without_taken(keys, error.response)
            else:
                self._claimed.update(keys)
                return

    def _without_taken(self, keys: Sequence[str], refusal: Any) -> list[str]:  # noqa: ANN401  # botocore's is untyped
        """Return the reminders that were free, and note which run has sent the others."""
        reasons = refusal["CancellationReasons"]
        if others := {reason["Code"] for reason in reasons} - {"None", "ConditionalCheckFailed"}:
            raise ThrottledError(f"Could not claim reminders: DynamoDB answered {', '.join(sorted(others))}.")
        for key, reason in zip(keys, reasons, strict=True):
            if _sent(item := reason.get("Item", {})):
                self._sent[key] = item["run"]["S"]
        return [key for key, reason in zip(keys, reasons, strict=True) if reason["Code"] == "None"]

    def _item(self, key: str) -> dict[str, Any]:
        return {
            "id": {"S": key},
            "run": {"S": self._run},
            "expires_at": {"N": str(int(time.time()) + _KEPT_SECONDS)},
        }


def _sent(item: dict[str, Any]) -> bool:
    return bool(item) and "claimed_until" not in item
