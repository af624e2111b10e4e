"""StorePassword: puts the password where only the link finds it, and ends every older link of the user."""

import os
from datetime import datetime, timedelta
from typing import TypedDict

from latchkey import kms, sfn, ssm
from latchkey.claims import Claim, Handle, hash_link_secret
from latchkey.entry import task


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
    handle = store_password(event, claim_ttl())
    supersede_others(handle)
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


def store_password(event: Event, ttl: timedelta) -> Handle:
    """Store the claim of this execution, counted from when its state was entered, so the same at each try."""
    secrets = kms.unseal(event["sealed"], event["execution"])
    expires_at = (datetime.fromisoformat(event["entered_at"]) + ttl).replace(microsecond=0)
    handle = Handle.of(event["user"], event["execution"], expires_at)
    claim = Claim(
        user=event["user"],
        execution=event["execution"],
        expires_at=expires_at,
        secret_sha256=hash_link_secret(secrets.link_secret),
        password=secrets.password,
    )
    ssm.store_claim(handle, claim)
    return handle


def supersede_others(handle: Handle) -> None:
    """End every other link of the same user: what it would show is no longer the password."""
    for other in ssm.live_handles(handle.user_key):
        if other.reset_key != handle.reset_key:
            # The execution ends before its claim goes: a crash in between leaves the claim, so the next
            # try sees that there is still one to end.
            if task_token := ssm.read_token(other):
                sfn.supersede(task_token)
            ssm.take_claim(other)
