"""StorePassword: puts the password where only the link finds it, and keeps a hash of the link's secret."""

import os
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from latchkey.adapters import kms, registry, ssm
from latchkey.domain.claims import Handle, item_id
from latchkey.domain.resets import Attempt
from latchkey.errors import SupersededError
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str
    user: str
    sealed: str
    entered_at: str


class Result(TypedDict):
    """`item` and `parameter` are where the later states find the reset and its password."""

    handle: str
    expires_at: str
    item: str
    parameter: str


@task_handler
def handler(event: Event, _context: object) -> Result:
    handle = handle_of(event, claim_ttl())
    store_password(event, handle, datetime.now(UTC))
    return {
        "handle": str(handle),
        "expires_at": handle.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "item": item_id(handle.user_key),
        "parameter": ssm.password_parameter(event["execution"]),
    }


def claim_ttl() -> timedelta:
    """Return how long a link lives: the stack's minutes, or the seconds set for a trial."""
    seconds = os.environ.get("CLAIM_TTL_SECONDS") or int(os.environ["CLAIM_TTL_MINUTES"]) * 60
    return timedelta(seconds=int(seconds))


def handle_of(event: Event, ttl: timedelta) -> Handle:
    """Return the handle of this execution, counted from when its state was entered: the same at each try."""
    return Handle.of(event["user"], event["execution"], datetime.fromisoformat(event["entered_at"]) + ttl)


def store_password(event: Event, handle: Handle, now: datetime) -> None:
    """Store the password, and only then write the registry: what it names exists.

    Raises:
        SupersededError: when another reset has the account; then nothing is left behind.
    """
    secrets = kms.unseal(event["sealed"], event["execution"], event["user"], os.environ["CLAIM_KEY_ARN"])
    proof = handle.proof(secrets.link_secret)
    ssm.store_password(
        event["execution"], secrets.password, proof, handle.expires_at, os.environ["CLAIM_KEY_ARN"]
    )
    attempt = Attempt(
        execution=event["execution"],
        actor=event["execution"],
        now=int(now.timestamp()),
        secret_sha256=proof,
    )
    try:
        registry.store(handle.user_key, attempt, int(handle.expires_at.timestamp()))
    except SupersededError:
        ssm.delete_password(event["execution"])
        raise
