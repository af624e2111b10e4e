"""DeleteKey: deletes the key before the current one, which nobody has missed while it was inactive."""

from latchkey import access_keys
from latchkey.entry import task
from rotation.deactivate_key import Event, superfluous


@task
def handler(event: Event, _context: object) -> None:
    for key in superfluous(event):
        access_keys.delete_key(key)
