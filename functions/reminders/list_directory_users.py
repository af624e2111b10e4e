"""ListDirectoryUsers: lists the directory's users who may sign in, and when their passwords expire."""

import os

from latchkey import listing, settings
from latchkey.adapters.directory_accounts import DirectoryAccounts
from latchkey.adapters.directory_secret import read_login
from latchkey.adapters.ldap import Settings
from latchkey.errors import DirectorySearchError
from latchkey.handler import task_handler


@task_handler
def handler(event: listing.Event, _context: object) -> listing.Listing:
    directory = DirectoryAccounts(
        Settings.of(os.environ),
        read_login(os.environ["DIRECTORY_SECRET"]),
        os.environ["DIRECTORY_EXCLUSION_GROUP"],
        resets=settings.resets_directory_users(),
    )
    accounts = directory.find(event["user"]) if event["user"] else directory.all()
    listed = listing.store("directory", event, accounts, why_not_listed)
    if directory.refusal and not event["user"]:
        listed["failure"] = {"Error": DirectorySearchError.__name__, "Cause": directory.refusal}
    return listed


def why_not_listed(_user: str) -> str:
    """Say why the list has no user of a name."""
    return "no user of that name below the search bases whose account is enabled"
