"""CreateCredentials: makes an access key and stages the SMTP credentials that derive from it."""

import os
from typing import TypedDict
from uuid import NAMESPACE_URL, uuid5

from latchkey.adapters import access_keys, smtp_secret
from latchkey.adapters.access_keys import NewKey
from latchkey.adapters.smtp_secret import SmtpCredentials
from latchkey.domain.rotation import CURRENT, PENDING, labelled
from latchkey.domain.smtp_password import derive_smtp_password
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str
    keep: list[str]
    version_id: str | None


class Result(TypedDict):
    access_key_id: str
    version_id: str


@task_handler
def handler(event: Event, _context: object) -> Result:
    if event["version_id"]:
        present = smtp_secret.read_credentials(event["version_id"])
        return {"access_key_id": present.username, "version_id": event["version_id"]}
    return staged(event) or create(event)


def version_of(execution: str, key_id: str) -> str:
    """Return the id of the version that holds a key's credentials: the same at every try."""
    return str(uuid5(NAMESPACE_URL, f"{execution}/{key_id}"))


def staged(event: Event) -> Result | None:
    """Return what an earlier try staged; delete every key that is neither its own nor to be kept.

    The current key is never deleted here, even if an operator made it current a moment ago.
    """
    versions = smtp_secret.list_versions()
    current, pending = labelled(versions, CURRENT), labelled(versions, PENDING)
    stay = {*event["keep"], current.key_id if current else None}
    done: Result | None = None
    for key in access_keys.list_keys():
        if key.id in stay:
            continue
        version_id = version_of(event["execution"], key.id)
        if key.active and pending and pending.id == version_id:
            done = {"access_key_id": key.id, "version_id": version_id}
        else:
            access_keys.delete_key(key.id)
    return done


def create(event: Event) -> Result:
    """Make a key and stage its credentials."""
    key = access_keys.create_key()
    version_id = version_of(event["execution"], key.id)
    smtp_secret.stage_credentials(credentials_of(key), version_id)
    return {"access_key_id": key.id, "version_id": version_id}


def credentials_of(key: NewKey) -> SmtpCredentials:
    """Return the SMTP credentials of a key for the stack's own region."""
    return SmtpCredentials.of(key.id, derive_smtp_password(key.secret, os.environ["AWS_REGION"]))
