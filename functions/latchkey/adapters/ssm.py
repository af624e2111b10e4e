"""SSM Parameter Store: a temporary password, until its link is opened."""

import hmac
import json
import os
import time
from datetime import datetime, timedelta

import boto3

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors
from latchkey.domain.claims import reset_key
from latchkey.errors import ClaimGoneError

_ssm = boto3.client("ssm", config=CLIENT_CONFIG)

#: The workflow, and after it `cleanup`, undo what has expired. SSM deletes the parameter a day later, should
#: both have failed.
_EXPIRATION_MARGIN = timedelta(days=1)

#: Parameter Store is eventually consistent: what was just stored may not be visible yet. Pauses before a try,
#: in seconds.
_PAUSES = (0, 0.1, 0.3, 1, 2)


def password_parameter(execution: str) -> str:
    """Return the name of the parameter that holds an execution's password: the same at every try."""
    return f"{os.environ['PASSWORDS_PATH']}/{reset_key(execution)}"


def store_password(execution: str, password: str, secret_sha256: str, expires_at: datetime, key: str) -> None:
    """Store the password and its link's hash, encrypted with the key of that ARN; a retry overwrites them."""
    expiration = {
        "Type": "Expiration",
        "Version": "1.0",
        "Attributes": {"Timestamp": f"{expires_at + _EXPIRATION_MARGIN:%Y-%m-%dT%H:%M:%S.000Z}"},
    }
    with translate_errors("store the password"):
        _ssm.put_parameter(
            Name=password_parameter(execution),
            Type="SecureString",
            KeyId=key,
            Value=f"{secret_sha256}:{password}",
            Tier="Advanced",
            Policies=json.dumps([expiration]),
            Overwrite=True,
        )


def read_password(execution: str, secret_sha256: str) -> str:
    """Return the password that waits for an execution's link.

    The hash is compared once more, with the one beside the password: what may write to the registry could
    exchange the one there, and `StorePassword` alone may write here.

    Raises:
        ClaimGoneError: when there is none, or it waits for another link.
    """
    found = ""
    for pause in _PAUSES:
        time.sleep(pause)
        if found := _read(password_parameter(execution)):
            break
    known, colon, password = found.partition(":")
    if not (colon and hmac.compare_digest(known, secret_sha256)):
        raise ClaimGoneError("The password of this claim is gone.")
    return password


def _read(name: str) -> str:
    """Return what a parameter holds; empty where there is none."""
    with translate_errors("read the password"):
        try:
            return _ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        except _ssm.exceptions.ParameterNotFound:
            return ""


def delete_password(execution: str) -> None:
    """Delete the password that waits for an execution's link, if there is one."""
    with translate_errors("delete the password"):
        try:
            _ssm.delete_parameter(Name=password_parameter(execution))
        except _ssm.exceptions.ParameterNotFound:
            return
