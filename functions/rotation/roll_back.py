"""RollBack: after a failure before promotion, leaves the former credentials, and nothing else."""

from typing import TypedDict

from latchkey.adapters import access_keys, smtp_secret
from latchkey.domain.rotation import CURRENT, PENDING, PREVIOUS, labelled
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str
    keep: list[str]
    access_key_id: str | None


class Result(TypedDict):
    deleted: list[str]


@task_handler
def handler(event: Event, _context: object) -> Result:
    return {"deleted": roll_back(event)}


def roll_back(event: Event) -> list[str]:
    """Stop staging this rotation's credentials and delete their key; return the ids of the keys deleted.

    Credentials that became current after all, by a promotion whose answer was lost, stay. A key whose
    creation was never answered is among the keys that are not kept.
    """
    versions = smtp_secret.list_versions()
    stay = {*event["keep"], *(each.key_id for each in versions if each.labels & {CURRENT, PREVIOUS})}
    own = event["access_key_id"]
    made = {own} if own else {key.id for key in access_keys.list_keys()}
    superfluous = sorted(made - stay)
    staged = labelled(versions, PENDING)
    # What another rotation staged is left to that rotation.
    if staged and staged.key_id in {*superfluous, *stay}:
        smtp_secret.drop_pending()
    for key in superfluous:
        access_keys.delete_key(key)
    return superfluous
