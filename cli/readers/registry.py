"""What the registry says of a user's reset; names and phases, nothing secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from latchkey.domain.claims import item_id, user_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boto3 import Session

    from cli.scope import Stack


def name_in_iam(session: Session, typed: str) -> str:
    """Return a user's name as IAM spells it; as typed where IAM has no such user, or no user can have it."""
    try:
        return session.client("iam").get_user(UserName=typed)["User"]["UserName"]
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchEntity", "ValidationError"}:
            return typed
        raise


def current_reset(session: Session, stack: Stack, name: str) -> Mapping[str, Any]:
    """Return the reset that last had a user's account, as DynamoDB spells it; empty where there is none."""
    return read(session, stack, item_id(user_key(name)))


def read(session: Session, stack: Stack, item: str) -> Mapping[str, Any]:
    """Return the reset that an item names, as DynamoDB spells it; empty where there is none."""
    found = session.client("dynamodb").get_item(**where(stack, item), ConsistentRead=True).get("Item", {})
    current: Mapping[str, Any] = found.get("current", {}).get("M", {})
    return current


def where(stack: Stack, item: str) -> dict[str, Any]:
    """Return the table and the key of an item."""
    return {"TableName": stack.find("RegistryTable"), "Key": {"id": {"S": item}}}


def find(session: Session, stack: Stack, execution: str) -> str:
    """Return the item of the account that a reset has; empty where it has none.

    By the index that the cleanup asks: what was typed need not be the name that the account has.
    """
    pages = (
        session.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=stack.find("RegistryTable"),
            IndexName="due",
            KeyConditionExpression="queue = :queue",
            ExpressionAttributeValues={":queue": {"S": "cleanup"}},
        )
    )
    items = (found["id"]["S"] for page in pages for found in page["Items"])
    return next(
        (each for each in items if read(session, stack, each).get("execution") == {"S": execution}), ""
    )
