"""SSM Parameter Store: where a claim and its task token wait for the person with the link."""

import json
import os
from datetime import datetime, timedelta
from typing import Final

import boto3

from latchkey.aws import CLIENT_CONFIG, translated
from latchkey.claims import Claim, Handle

_ssm = boto3.client("ssm", config=CLIENT_CONFIG)

#: How long SSM keeps a claim after its expiry. The workflow ends it first, and has to find it then:
#: a claim that is gone means that somebody took it, and that there is nothing to revoke.
_GRACE: Final = timedelta(hours=1)


def _folder(handle: Handle) -> str:
    return f"{os.environ['CLAIMS_PATH']}/{handle.user_key}/{handle}"


def token_name(handle: Handle) -> str:
    """Return the name of the parameter in which the workflow keeps its task token."""
    return f"{_folder(handle)}/token"


def claim_name(handle: Handle) -> str:
    """Return the name of the parameter that holds the claim itself."""
    return f"{_folder(handle)}/claim"


def store_claim(handle: Handle, claim: Claim) -> None:
    """Store the claim, encrypted, until shortly after its expiry; a second try overwrites the first."""
    value = {
        "user": claim.user,
        "execution": claim.execution,
        "expires_at": claim.expires_at.isoformat(),
        "secret_sha256": claim.secret_sha256,
        "password": claim.password,
    }
    # SSM deletes expired parameters in its own time; the time that counts is checked at every claim.
    expiration = {
        "Type": "Expiration",
        "Version": "1.0",
        "Attributes": {"Timestamp": (claim.expires_at + _GRACE).isoformat(timespec="milliseconds")},
    }
    with translated("store the claim"):
        _ssm.put_parameter(
            Name=claim_name(handle),
            Type="SecureString",
            KeyId=os.environ["CLAIM_KEY_ARN"],
            Value=json.dumps(value),
            Tier="Advanced",
            Policies=json.dumps([expiration]),
            Overwrite=True,
        )


def read_claim(handle: Handle) -> tuple[Claim | None, str | None]:
    """Return the claim and the task token that wait under a handle, each None where there is none."""
    with translated("read the claim"):
        found = _ssm.get_parameters(Names=[claim_name(handle), token_name(handle)], WithDecryption=True)
    values = {parameter["Name"]: parameter["Value"] for parameter in found["Parameters"]}
    stored = values.get(claim_name(handle))
    return _parse(stored) if stored else None, values.get(token_name(handle))


def read_token(handle: Handle) -> str | None:
    """Return the task token that waits under a handle, without opening the claim beside it."""
    with translated("read the task token"):
        found = _ssm.get_parameters(Names=[token_name(handle)])["Parameters"]
    return found[0]["Value"] if found else None


def _parse(stored: str) -> Claim:
    value = json.loads(stored)
    return Claim(**value | {"expires_at": datetime.fromisoformat(value["expires_at"])})


def take_claim(handle: Handle) -> bool:
    """Delete the claim and its task token, and tell whether it was this call that deleted the claim."""
    with translated("delete the claim"):
        answer = _ssm.delete_parameters(Names=[claim_name(handle), token_name(handle)])
    return claim_name(handle) in answer["DeletedParameters"]


def live_handles(user_key: str) -> dict[Handle, bool]:
    """Return the handles under which something of that user still waits, each with whether its claim does.

    A task token without a claim is left when a newer reset took the claim before the workflow waited.
    """
    pages = _ssm.get_paginator("get_parameters_by_path").paginate(
        Path=f"{os.environ['CLAIMS_PATH']}/{user_key}", Recursive=True, WithDecryption=False
    )
    with translated("list the user's claims"):
        names = {parameter["Name"] for page in pages for parameter in page["Parameters"]}
    handles = {handle for name in names if (handle := Handle.parse(name.split("/")[-2]))}
    return {handle: claim_name(handle) in names for handle in handles}


def base_url() -> str:
    """Return the address under which people reach the pages, without a slash at its end."""
    with translated("read the base URL"):
        answer = _ssm.get_parameter(Name=os.environ["BASE_URL_PARAMETER"])
    return answer["Parameter"]["Value"].rstrip("/")
