"""StorePassword: puts the password where only the link finds it, with a hash of the link's secret."""

import os
from datetime import datetime, timedelta
from typing import TypedDict

from latchkey import kms, ssm
from latchkey.claims import Claim, Handle, hash_link_secret
from latchkey.entry import task
from latchkey.errors import SupersededError


class Event(TypedDict):
    execution: str
    user: str
    sealed: str
    entered_at: str


class Result(TypedDict):
    handle: str
    expires_at: str
    claim_parameter: str
    token_parameter: str


@task
def handler(event: Event, _context: object) -> Result:
    handle = handle_of(event, claim_ttl())
    store_password(event, handle)
    return {
        "handle": str(handle),
        "expires_at": handle.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "claim_parameter": ssm.claim_name(handle),
        "token_parameter": ssm.token_name(handle),
    }


def claim_ttl() -> timedelta:
    """Return how long a link lives: the stack's minutes, or the seconds somebody set for a trial."""
    seconds = os.environ.get("CLAIM_TTL_SECONDS") or int(os.environ["CLAIM_TTL_MINUTES"]) * 60
    return timedelta(seconds=int(seconds))


def handle_of(event: Event, ttl: timedelta) -> Handle:
    """Return the handle of this execution, counted from when its state was entered: the same at each try."""
    return Handle.of(event["user"], event["execution"], datetime.fromisoformat(event["entered_at"]) + ttl)


def store_password(event: Event, handle: Handle) -> None:
    """Store the claim while the user's lock is held, and release the lock.

    A try that finds the lock gone comes after one that got to the end: it must not store again, since
    a newer reset may have taken over in between.

    Raises:
        SupersededError: when a newer reset took over.
    """
    if not ssm.holds_lock(event["user"], event["execution"]):
        if "claim" in ssm.waiting(handle.user_key).get(handle, set()):
            return
        raise SupersededError("A newer reset of the same user took over.")
    secrets = kms.unseal(event["sealed"], event["execution"])
    claim = Claim(
        user=event["user"],
        execution=event["execution"],
        stored_at=datetime.fromisoformat(event["entered_at"]),
        expires_at=handle.expires_at,
        secret_sha256=hash_link_secret(secrets.link_secret),
        password=secrets.password,
    )
    ssm.store_claim(handle, claim)
    ssm.release_lock(event["user"], event["execution"])
