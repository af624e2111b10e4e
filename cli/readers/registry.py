"""What the registry says of a user's reset; names and phases, nothing secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from latchkey.domain.claims import user_key

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


def where(stack: Stack, name: str) -> dict[str, Any]:
    """Return the table and key of a user's item; `name` as IAM spells it."""
    return {"TableName": stack.find("RegistryTable"), "Key": {"id": {"S": f"user#{user_key(name)}"}}}


def current_reset(session: Session, stack: Stack, name: str) -> Mapping[str, Any]:
    """Return the reset that last had a user's account, as DynamoDB spells it; empty where there is none."""
    item = session.client("dynamodb").get_item(**where(stack, name), ConsistentRead=True).get("Item", {})
    current: Mapping[str, Any] = item.get("current", {}).get("M", {})
    return current
