"""What the lists of accounts of the reminders' two sources end with: a file, and an answer about one user."""

from collections.abc import Callable, Iterable
from typing import NotRequired, TypedDict

from latchkey.adapters import s3
from latchkey.domain.accounts import Account


class Event(TypedDict):
    """`user` is the one user asked about; empty for all."""

    execution: str
    user: str


class Listing(TypedDict):
    """`because` says why the one user asked about is not on the list.

    `failure` is for the report, as Step Functions would have caught it: what is wrong though there is a list.
    """

    source: str
    list: str
    users: int
    because: NotRequired[str]
    failure: NotRequired[dict[str, str]]


def store(source: str, event: Event, accounts: Iterable[Account], why_not: Callable[[str], str]) -> Listing:
    """Store the accounts of a source for `PlanReminders`; `why_not` says why a user is not among them."""
    key = f"{s3.folder(event['execution'])}/{source}.jsonl"
    users = s3.write_lines(key, (each.as_json() for each in accounts))
    listing: Listing = {"source": source, "list": key, "users": users}
    return {**listing, "because": why_not(event["user"])} if event["user"] and not users else listing
