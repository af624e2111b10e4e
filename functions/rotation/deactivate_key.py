"""DeactivateKey: lets the key before the current one sign nothing, while it can still be revived."""

from typing import TypedDict

from latchkey import access_keys, smtp_secret
from latchkey.entry import task
from latchkey.errors import CredentialsGoneError
from latchkey.rotation import CURRENT, labelled


class Event(TypedDict):
    execution: str
    version_id: str
    keys: list[str]


@task
def handler(event: Event, _context: object) -> None:
    for key in superfluous(event):
        access_keys.deactivate_key(key)


def superfluous(event: Event) -> list[str]:
    """Return those of the keys that the current credentials do without.

    Raises:
        CredentialsGoneError: when the current credentials are no longer those of this rotation, or their key
            does not work: whoever changed that may need the keys before.
    """
    current = labelled(smtp_secret.list_versions(), CURRENT)
    if current is None or current.id != event["version_id"]:
        raise CredentialsGoneError(
            f"The secret's current version is no longer {event['version_id']}, which this rotation promoted."
        )
    old = [key for key in event["keys"] if key != current.key_id]
    if old and not any(key.active for key in access_keys.list_keys() if key.id == current.key_id):
        raise CredentialsGoneError(f"The current access key {current.key_id} is gone or inactive.")
    return old
