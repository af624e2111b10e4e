"""DynamoDB: how the registry's table is read and written; `registry` and `action_links` know what is in it.

DynamoDB checks a condition and writes in one step, so of several writes whose condition only one can meet,
one succeeds
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html).
The SDK repeats a write whose answer was lost, and the repetition fails its own condition. So every failure
returns the item it met: a step that finds its own write there goes on.
"""

import json
import os
import re
from typing import Any

import boto3

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors

_dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)


def update(name: str, change: str, condition: str, **values: object) -> tuple[bool, dict[str, Any]]:
    """Write to an item under a condition.

    Args:
        name: the item's `id`.
        change: an update expression; `#word` stands for the attribute of that name.
        condition: a condition expression, likewise.
        values: what `:word` stands for in both; others are left out.

    Returns:
        Whether the condition held and it was written, and the item as it is.
    """
    words = set(re.findall(r"[#:]\w+", f"{change} {condition}"))
    try:
        with translate_errors("write to the registry"):
            answer = _dynamodb.update_item(
                TableName=os.environ["REGISTRY_TABLE"],
                Key={"id": _typed(name)},
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeNames={word: word[1:] for word in words if word[0] == "#"},
                ExpressionAttributeValues={
                    word: _typed(values[word[1:]]) for word in words if word[0] == ":"
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
    except _dynamodb.exceptions.ConditionalCheckFailedException as error:
        refused: Any = error.response
        return False, _plain({"M": refused.get("Item", {})})
    return True, _plain({"M": answer["Attributes"]})


def get(name: str) -> dict[str, Any]:
    """Return an item as it is now; empty where there is none."""
    with translate_errors("read the registry"):
        answer = _dynamodb.get_item(
            TableName=os.environ["REGISTRY_TABLE"], Key={"id": _typed(name)}, ConsistentRead=True
        )
    found: dict[str, Any] = _plain({"M": answer.get("Item", {})})
    return found


def put(item: dict[str, object]) -> None:
    """Write an item, replacing any with its `id`."""
    with translate_errors("write to the registry"):
        _dynamodb.put_item(TableName=os.environ["REGISTRY_TABLE"], Item=_typed(item)["M"])


def delete(name: str) -> None:
    """Delete an item, if there is one."""
    with translate_errors("delete from the registry"):
        _dynamodb.delete_item(TableName=os.environ["REGISTRY_TABLE"], Key={"id": _typed(name)})


def names_due(queue: str, now: int, start: str, limit: int) -> tuple[list[str], str]:
    """Return the names of items that are due, and where to go on; empty at the end.

    The index may be a moment behind: read each item before acting on it.

    Args:
        queue: the partition of the index.
        now: in seconds since 1970.
        start: where to go on, from an earlier call; empty at the beginning.
        limit: how many at most.
    """
    onwards: Any = {"ExclusiveStartKey": json.loads(start)} if start else {}
    with translate_errors("look for what is due"):
        answer = _dynamodb.query(
            TableName=os.environ["REGISTRY_TABLE"],
            IndexName="due",
            KeyConditionExpression="#queue = :queue AND #due_at <= :now",
            ExpressionAttributeNames={"#queue": "queue", "#due_at": "due_at"},
            ExpressionAttributeValues={":queue": _typed(queue), ":now": _typed(now)},
            Limit=limit,
            **onwards,
        )
    following = answer.get("LastEvaluatedKey")
    return [found["id"]["S"] for found in answer["Items"]], json.dumps(following) if following else ""


def _typed(value: object) -> Any:  # noqa: ANN401  # DynamoDB's types nest
    match value:
        case str():
            return {"S": str(value)}
        case int():
            return {"N": str(value)}
        case dict():
            return {"M": {name: _typed(each) for name, each in value.items()}}
    raise TypeError(f"The registry holds no {type(value).__name__}.")


def _plain(value: Any) -> Any:  # noqa: ANN401  # as above
    match value:
        case {"S": text}:
            return text
        case {"N": number}:
            return int(number)
        case {"M": entries}:
            return {name: _plain(each) for name, each in entries.items()}
    raise TypeError(f"The registry does not know the type of {list(value)}.")
