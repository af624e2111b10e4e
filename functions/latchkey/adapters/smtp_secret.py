"""Secrets Manager: the secret with the SMTP credentials, and the roles of its versions."""

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import boto3

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors
from latchkey.domain.rotation import CURRENT, PENDING, PREVIOUS, SecretVersion, labelled
from latchkey.errors import CredentialsGoneError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.type_defs import SecretVersionsListEntryTypeDef

_secrets = boto3.client("secretsmanager", config=CLIENT_CONFIG)

#: InvalidRequestException is what a secret marked for deletion answers.
_GONE = dict.fromkeys(("ResourceNotFoundException", "InvalidRequestException"), CredentialsGoneError)


@dataclass(frozen=True, slots=True)
class SmtpCredentials:
    """What an SMTP client needs; the password is never part of a repr."""

    username: str
    password: str = field(repr=False)
    host: str
    port: int

    @classmethod
    def of(cls, username: str, password: str) -> Self:
        """Return credentials for the stack's own endpoint.

        Where mails go is the stack's to say, whatever the secret says: else the right to write the secret,
        without one to read it, would send the reminders and the login to another server.
        """
        return cls(username, password, os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]))


def _list() -> "list[SecretVersionsListEntryTypeDef]":
    # One page holds them all: a secret has at most 20 labels, and only versions with labels are listed.
    with translate_errors("list the secret's versions", _GONE):
        return _secrets.list_secret_version_ids(SecretId=os.environ["SMTP_SECRET"])["Versions"]


def due_at(days: int) -> datetime:
    """Return when to replace the current version: after that many days, or at once if it is the first.

    The first version holds no credentials. Once there is a second, there is AWSPREVIOUS. Source:
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html

    Raises:
        CredentialsGoneError: when the secret is gone, or no version is current.
    """
    made = {label: one["CreatedDate"] for one in _list() for label in one.get("VersionStages", [])}
    if CURRENT not in made:
        raise CredentialsGoneError("The secret has no current version.")
    return made[CURRENT] + timedelta(days=days if PREVIOUS in made else 0)


def list_versions() -> list[SecretVersion]:
    """Return the versions with Secrets Manager's own labels; of their contents only the key's id.

    Raises:
        CredentialsGoneError: when the secret is gone.
    """
    return [
        SecretVersion(
            id=version["VersionId"],
            labels=frozenset(version["VersionStages"]),
            created_at=version["CreatedDate"],
            key_id=_read(VersionId=version["VersionId"]).get("username"),
        )
        for version in _list()
        if not {CURRENT, PREVIOUS, PENDING}.isdisjoint(version.get("VersionStages", []))
    ]


def read_credentials(version_id: str) -> SmtpCredentials:
    """Return the credentials of one version.

    Raises:
        CredentialsGoneError: when the version is gone or holds none.
    """
    return _credentials(_read(VersionId=version_id), f"The secret's version {version_id}")


def current_credentials() -> SmtpCredentials:
    """Return the current credentials.

    Raises:
        CredentialsGoneError: when the secret is gone or holds none yet.
    """
    return _credentials(_read(), "The secret")


def _credentials(value: dict[str, Any], where: str) -> SmtpCredentials:
    try:
        return SmtpCredentials.of(value["username"], value["password"])
    except KeyError:
        # Not `from` it: its text quotes the fields, and their content is unknown.
        raise CredentialsGoneError(f"{where} holds no SMTP credentials: a rotation fills it.") from None


def _read(**version: str) -> dict[str, Any]:
    """Return the content of a version, by default the current one; empty if it is no JSON object."""
    with translate_errors("read the secret", _GONE):
        found = _secrets.get_secret_value(SecretId=os.environ["SMTP_SECRET"], **version)
    try:
        value = json.loads(found.get("SecretString", ""))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def stage_credentials(credentials: SmtpCredentials, version_id: str) -> None:
    """Put credentials into a new version with the label AWSPENDING; a retry changes nothing.

    Args:
        credentials: what the version holds.
        version_id: 32 to 64 characters, the same for the same credentials.
    """
    with translate_errors("stage the credentials", _GONE):
        _secrets.put_secret_value(
            SecretId=os.environ["SMTP_SECRET"],
            ClientRequestToken=version_id,
            SecretString=json.dumps(asdict(credentials)),
            VersionStages=[PENDING],
        )


def promote(version_id: str) -> None:
    """Make a staged version the current one, and stop staging it; a version that is current stays so.

    Raises:
        CredentialsGoneError: when the version is gone, or another one was staged since.
    """
    versions = list_versions()
    if not _is_current(versions, version_id):
        _make_current(versions, version_id)
    drop_pending()


def _is_current(versions: list[SecretVersion], version_id: str) -> bool:
    current = labelled(versions, CURRENT)
    return current is not None and current.id == version_id


def _make_current(versions: list[SecretVersion], version_id: str) -> None:
    current, pending = labelled(versions, CURRENT), labelled(versions, PENDING)
    if pending is None or pending.id != version_id:
        raise CredentialsGoneError(f"The secret's version {version_id} is no longer the staged one.")
    move = {"RemoveFromVersionId": current.id} if current else {}
    with translate_errors("promote the credentials", _GONE):
        try:
            _secrets.update_secret_version_stage(
                SecretId=os.environ["SMTP_SECRET"],
                VersionStage=CURRENT,
                MoveToVersionId=version_id,
                **move,
            )
        except _secrets.exceptions.InvalidParameterException:
            # The label has moved since: perhaps by a first try whose answer was lost.
            if not _is_current(list_versions(), version_id):
                raise


def drop_pending() -> None:
    """Remove the label AWSPENDING from the version that has it."""
    staged = labelled(list_versions(), PENDING)
    if staged is None:
        return
    with translate_errors("stop staging credentials", _GONE):
        try:
            _secrets.update_secret_version_stage(
                SecretId=os.environ["SMTP_SECRET"], VersionStage=PENDING, RemoveFromVersionId=staged.id
            )
        except _secrets.exceptions.InvalidParameterException:
            # As above: removed by a first try whose answer was lost; or still there, which is an error.
            if labelled(list_versions(), PENDING):
                raise
