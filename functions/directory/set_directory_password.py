"""Inside the directory's network: gives a user the sealed password, for `ResetDirectoryPassword`."""

import os
from datetime import UTC, datetime
from typing import TypedDict

from latchkey.adapters import kms
from latchkey.adapters.directory_passwords import DirectoryPasswords
from latchkey.adapters.directory_secret import read_login
from latchkey.adapters.directory_users import DirectoryUsers
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
    password = kms.unseal(
        event["sealed"], event["execution"], event["user"], os.environ["CLAIM_KEY_ARN"]
    ).password
    users = DirectoryUsers.of(os.environ, read_login(os.environ["DIRECTORY_SECRET"]))
    user = DirectoryPasswords(users).set(identity_of(event["user"]), password, datetime.now(UTC))
    return {"user": user.account, "name": user.name, "mail": user.mail}
