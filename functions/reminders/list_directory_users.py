"""ListDirectoryUsers: lists the directory's users who may sign in, and when their passwords expire."""

import os
from typing import NotRequired, TypedDict

from latchkey.adapters import s3, secretsmanager
from latchkey.adapters.directory_accounts import DirectoryAccounts
from latchkey.adapters.ldap import Login, Settings
from latchkey.errors import DirectoryLoginError
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
    exclusion_group = os.environ["DIRECTORY_EXCLUSION_GROUP"]
    directory = DirectoryAccounts(Settings.of(os.environ), service_account(), exclusion_group)
    accounts = directory.find(event["user"]) if event["user"] else directory.all()
    key = f"{s3.folder(event['execution'])}/directory.jsonl"
    users = s3.write_lines(key, (each.as_json() for each in accounts))
    result: Result = {"source": "directory", "list": key, "users": users}
    return {**result, "because": _NOT_FOUND} if event["user"] and not users else result


def service_account() -> Login:
    """Return the service account's credentials.

    Raises:
        DirectoryLoginError: when the secret does not hold a user name and a password.
    """
    secret = secretsmanager.read(os.environ["DIRECTORY_SECRET"])
    try:
        return Login(secret["username"], secret["password"])
    except KeyError as error:
        raise DirectoryLoginError(f"The service account's secret has no {error.args[0]}.") from None
