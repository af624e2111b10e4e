"""A function that tries AWS calls under the role it was given and tells how each was answered."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

_QUICK = Config(retries={"total_max_attempts": 1})


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Try each `{"service", "call", "with"}` of the event's `calls`; return the error codes, or "allowed"."""
    return {name: attempt(**call) for name, call in event["calls"].items()}


def attempt(service: str, call: str, arguments: dict[str, Any]) -> str:
    try:
        client: Any = boto3.client(service, config=_QUICK)  # type: ignore[call-overload]
        getattr(client, call)(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "allowed"
