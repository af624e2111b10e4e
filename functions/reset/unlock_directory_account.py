"""UnlockDirectoryAccount: inside the directory's network, unlocks an account and changes nothing else."""

import os
from datetime import UTC, datetime
from typing import TypedDict

from latchkey.adapters.directory_passwords import DirectoryPasswords
from latchkey.adapters.directory_secret import read_login
from latchkey.adapters.directory_users import ANSWER_SECONDS, DirectoryUsers
from latchkey.adapters.ldap import Settings
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
    settings = Settings.of(os.environ, ANSWER_SECONDS)
    passwords = DirectoryPasswords(settings, read_login(os.environ["DIRECTORY_SECRET"]))
    users = DirectoryUsers.of(settings, os.environ["DIRECTORY_PROTECTED_GROUPS"])
    user = passwords.unlock(users, identity_of(event["user"]), datetime.now(UTC))
    return {"user": user.account, "name": user.name, "mail": user.mail}
