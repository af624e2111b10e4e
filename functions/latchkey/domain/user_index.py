"""Which users may be meant by what a person typed: a mail address, or a name in any case.

IAM tells two names apart by more than their case
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), but no page says whether it
finds a user by a name in another case, and it finds none by an address. The index only suggests: what uses it
asks IAM whether the user `is_known_as` that.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from latchkey.domain.users import IamUser, mail_address
from latchkey.errors import UserNotEligibleError

#: How old the index may be: where it names a user, and where it names none.
LONGEST_HIT = timedelta(hours=1)
LONGEST_MISS = timedelta(seconds=2)

#: How long making the index may take: longer than its function runs.
LONGEST_LISTING = timedelta(seconds=90)

#: More users than these with one address are too many to be asked about.
_MOST_NAMES = 8

#: What separates names, which hold no blanks.
_SEPARATOR = " "


def key_of(spelling: str) -> str:
    """Return the 32 hexadecimal digits under which the index has a spelling; its case does not count."""
    return hashlib.sha256(spelling.lower().encode()).hexdigest()[:32]


def shard_of(key: str) -> str:
    """Return the part of the index that has a key: its first digit, so there are sixteen."""
    return key[0]


def build_index(users: Iterable[IamUser]) -> dict[str, dict[str, str]]:
    """Return the whole index: in each of its sixteen shards, the names of users by the key of a spelling.

    A name comes before an address: the user of that name is meant, even if another user's mails go there.
    """
    names: dict[str, str] = {}
    addressed: defaultdict[str, list[str]] = defaultdict(list)
    for user in users:
        names[key_of(user.name)] = user.name
        try:
            addressed[key_of(mail_address(user))].append(user.name)
        except UserNotEligibleError:
            continue
    index: dict[str, dict[str, str]] = {digit: {} for digit in "0123456789abcdef"}
    for key, found in addressed.items():
        index[shard_of(key)][key] = _SEPARATOR.join(sorted(found)[:_MOST_NAMES])
    for key, name in names.items():
        index[shard_of(key)][key] = name
    return index


def names_in(shard: Mapping[str, str], key: str) -> list[str]:
    """Return the names that a shard has under a key."""
    return shard.get(key, "").split()


def is_known_as(user: IamUser, spelling: str) -> bool:
    """Tell whether a spelling is the user's name or the address the user's mails go to, in any case."""
    if user.name.lower() == spelling.lower():
        return True
    try:
        return mail_address(user).lower() == spelling.lower()
    except UserNotEligibleError:
        return False
