"""Inside the directory's network: revokes what a reset set, for the functions that undo."""

import os
from typing import TypedDict

from latchkey.adapters.directory_passwords import DirectoryPasswords
from latchkey.adapters.directory_secret import read_login
from latchkey.adapters.directory_users import DirectoryUsers
from latchkey.domain.directory_users import identity_of
from latchkey.domain.users import PasswordReset
from latchkey.handler import task_handler


class Event(TypedDict):
    """Times are seconds since 1970; a disowned password is revoked whatever has become of it."""

    execution: str
    user: str
    begun_at: int
    stored_at: int
    disowned: bool


class Result(TypedDict):
    revoked: bool


@task_handler
def handler(event: Event, _context: object) -> Result:
    users = DirectoryUsers.of(os.environ, read_login(os.environ["DIRECTORY_SECRET"]))
    reset = None if event["disowned"] else PasswordReset.of(event["begun_at"], event["stored_at"])
    return {"revoked": DirectoryPasswords(users).revoke(identity_of(event["user"]), reset)}
