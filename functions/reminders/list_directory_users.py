"""ListDirectoryUsers: lists the directory's users who may sign in, and when their passwords expire."""

import os
from typing import NotRequired, TypedDict

from latchkey import settings
from latchkey.adapters import s3
from latchkey.adapters.directory_accounts import DirectoryAccounts
from latchkey.adapters.directory_secret import read_login
from latchkey.adapters.ldap import Settings
from latchkey.handler import task_handler

_NOT_FOUND = "no user of that name below the search bases whose account is enabled"


class Event(TypedDict):
    execution: str
    user: str


class Result(TypedDict):
    """`because` says why the one user asked about is not on the list."""

    source: str
    list: str
    users: int
    because: NotRequired[str]


@task_handler
def handler(event: Event, _context: object) -> Result:
    directory = DirectoryAccounts(
        Settings.of(os.environ),
        read_login(os.environ["DIRECTORY_SECRET"]),
        os.environ["DIRECTORY_EXCLUSION_GROUP"],
        resets=settings.resets_directory_users(),
    )
    accounts = directory.find(event["user"]) if event["user"] else directory.all()
    key = f"{s3.folder(event['execution'])}/directory.jsonl"
    users = s3.write_lines(key, (each.as_json() for each in accounts))
    result: Result = {"source": "directory", "list": key, "users": users}
    return {**result, "because": _NOT_FOUND} if event["user"] and not users else result
