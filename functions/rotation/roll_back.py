"""RollBack: after a failure before promotion, leaves the credentials that were there, and nothing else."""

from typing import TypedDict

from latchkey import access_keys, smtp_secret
from latchkey.entry import task
from latchkey.rotation import CURRENT, PREVIOUS


class Event(TypedDict):
    execution: str
    keep: list[str]
    access_key_id: str | None


class Result(TypedDict):
    deleted: list[str]


@task
def handler(event: Event, _context: object) -> Result:
    return {"deleted": roll_back(event)}


def roll_back(event: Event) -> list[str]:
    """Delete the key of this rotation and stop staging its credentials; return the ids of the deleted.

    Credentials that became current after all, by a promotion whose answer was lost, stay. The list of keys
    may miss one that was made a moment ago, so the one that is known by its id goes in any case.
    """
    versions = smtp_secret.list_versions()
    stay = {*event["keep"], *(each.key_id for each in versions if each.labels & {CURRENT, PREVIOUS})}
    made = {key.id for key in access_keys.list_keys()} | {event["access_key_id"]}
    superfluous = sorted(key for key in made - stay if key)
    for key in superfluous:
        access_keys.delete_key(key)
    smtp_secret.drop_pending()
    return superfluous
