"""IAM: the access keys of the SMTP user, and which of them the secret no longer needs."""

import os
from collections.abc import Collection
from dataclasses import dataclass, field

import boto3

from latchkey.adapters import smtp_secret
from latchkey.adapters.aws import CLIENT_CONFIG, ONCE_CONFIG, translate_errors
from latchkey.domain.rotation import CURRENT, AccessKey, labelled
from latchkey.errors import CredentialsGoneError, EntityTemporarilyUnmodifiableError, KeyLimitError

_iam = boto3.client("iam", config=CLIENT_CONFIG)
_iam_once = boto3.client("iam", config=ONCE_CONFIG)

_MEANINGS = {
    "EntityTemporarilyUnmodifiable": EntityTemporarilyUnmodifiableError,
    "LimitExceeded": KeyLimitError,
    "NoSuchEntity": CredentialsGoneError,
}


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new access key: its secret is known only now, and is never part of a repr."""

    id: str
    secret: str = field(repr=False)


def list_keys() -> list[AccessKey]:
    """Return the user's keys; one that was made or deleted a moment ago may be missing or still there.

    Raises:
        CredentialsGoneError: when the user is gone.
    """
    with translate_errors("list the SMTP user's access keys", _MEANINGS):
        found = _iam.list_access_keys(UserName=os.environ["SMTP_USER"])["AccessKeyMetadata"]
    return [AccessKey(key["AccessKeyId"], active=key["Status"] == "Active") for key in found]


def create_key() -> NewKey:
    """Create a key; called once, because a call whose answer is lost has created an unknown key.

    Raises:
        KeyLimitError: when the user has two already.
        CredentialsGoneError: when the user is gone.
    """
    with translate_errors("create an access key", _MEANINGS):
        made = _iam_once.create_access_key(UserName=os.environ["SMTP_USER"])["AccessKey"]
    return NewKey(made["AccessKeyId"], made["SecretAccessKey"])


def deactivate_key(key_id: str) -> None:
    """Deactivate a key; one that is gone needs nothing."""
    with translate_errors("deactivate an access key", _MEANINGS):
        try:
            _iam.update_access_key(UserName=os.environ["SMTP_USER"], AccessKeyId=key_id, Status="Inactive")
        except _iam.exceptions.NoSuchEntityException:
            return


def delete_key(key_id: str) -> None:
    """Delete a key, if it exists."""
    with translate_errors("delete an access key", _MEANINGS):
        try:
            _iam.delete_access_key(UserName=os.environ["SMTP_USER"], AccessKeyId=key_id)
        except _iam.exceptions.NoSuchEntityException:
            return


def superfluous(keys: Collection[str], version_id: str) -> list[str]:
    """Return the keys that the current credentials do not need.

    Args:
        keys: ids of access keys.
        version_id: the secret's version that this rotation promoted.

    Raises:
        CredentialsGoneError: when the current credentials are no longer those of this rotation, or their key
            does not work: an operator who changed that may need the earlier keys.
    """
    current = labelled(smtp_secret.list_versions(), CURRENT)
    if current is None or current.id != version_id:
        raise CredentialsGoneError(
            f"The secret's current version is no longer {version_id}, which this rotation promoted."
        )
    old = [key for key in keys if key != current.key_id]
    if old and not any(key.active for key in list_keys() if key.id == current.key_id):
        raise CredentialsGoneError(f"The current access key {current.key_id} is gone or inactive.")
    return old
