"""Inside the directory's network: gives a user the sealed password, for `ResetDirectoryPassword`."""

import os
from datetime import UTC, datetime
from typing import TypedDict

from latchkey.adapters import kms
from latchkey.adapters.directory_passwords import DirectoryPasswords
from latchkey.adapters.directory_secret import read_login
from latchkey.adapters.directory_users import ANSWER_SECONDS, DirectoryUsers
from latchkey.adapters.ldap import Settings
from latchkey.domain.directory_users import identity_of
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str
    user: str
    sealed: str


class Result(TypedDict):
    user: str
    name: str
    mail: str


@task_handler
def handler(event: Event, _context: object) -> Result:
    password = kms.unseal(event["sealed"], event["execution"], os.environ["CLAIM_KEY_ARN"]).password
    settings = Settings.of(os.environ, ANSWER_SECONDS)
    passwords = DirectoryPasswords(settings, read_login(os.environ["DIRECTORY_SECRET"]))
    users = DirectoryUsers.of(settings, os.environ["DIRECTORY_PROTECTED_GROUPS"])
    user = passwords.set(users, identity_of(event["user"]), password, datetime.now(UTC))
    return {"user": user.account, "name": user.name, "mail": user.mail}
