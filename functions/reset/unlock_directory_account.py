"""UnlockDirectoryAccount: inside the directory's network, unlocks an account and changes nothing else."""

import os
from datetime import UTC, datetime
from typing import TypedDict

from latchkey.adapters.directory_passwords import DirectoryPasswords
from latchkey.adapters.directory_secret import read_login
from latchkey.adapters.directory_users import DirectoryUsers
from latchkey.domain.directory_users import identity_of
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str
    user: str


class Result(TypedDict):
    """The user as the directory knows it now: the notice goes to this address."""

    user: str
    name: str
    mail: str


@task_handler
def handler(event: Event, _context: object) -> Result:
    users = DirectoryUsers.of(os.environ, read_login(os.environ["DIRECTORY_SECRET"]))
    user = DirectoryPasswords(users).unlock(identity_of(event["user"]), datetime.now(UTC))
    return {"user": user.account, "name": user.name, "mail": user.mail}
