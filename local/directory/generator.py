"""Directories as large as real ones, and what listing them takes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from local import ROOT
from local.directory.samba import MAXIMUM_AGE_DAYS, SERVICE_ACCOUNT, USERS_BASE, DirectoryUser

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAY = 24 * 3600
_THRESHOLDS = (15, 7, 1)
_FUNCTIONS = ROOT / "functions"
_OLDEST_DAYS = 100
_SOME, _OTHERS = 2, 1

_LISTER = """
import json, sys, time
from latchkey.adapters.directory_accounts import DirectoryAccounts
from latchkey.adapters.ldap import Login, Settings
hosts, ca, base, user, password = json.loads(sys.stdin.read())
started = time.monotonic()
directory = DirectoryAccounts(Settings(tuple(hosts), (ca,), (base,)), Login(user, password))
total, names = 0, set()
for account in directory.all():
    total += 1
    names.add(account.user)
seconds = time.monotonic() - started
# Not getrusage: its maximum begins with that of the process this one was forked from.
(peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([total, len(names), seconds, int(peak) / 1024]))
"""


def generate_users(number: int, now: float, due: float = 0) -> list[DirectoryUser]:
    """Return users whose passwords were set at any time in the last hundred days.

    The same in every call with one number. A share `due` of them is due for a reminder; every tenth has no
    mail address, some are disabled, some passwords never expire.
    """
    chance = random.Random(1)  # noqa: S311  # the same users in every run
    users = []
    for index in range(number):
        age = chance.uniform(0, _OLDEST_DAYS)
        if chance.random() < due:
            age = MAXIMUM_AGE_DAYS - chance.choice(_THRESHOLDS) - 0.5
        users.append(
            DirectoryUser(
                f"user{index}",
                now - age * _DAY,
                f"user{index}@corp.example.com" if index % 10 else "",
                f"Person {index}",
                never_expires=index % 50 == _OTHERS,
                disabled=index % 40 == _SOME,
            )
        )
    return users


@dataclass(frozen=True)
class Listing:
    """What listing a directory took, in a process of its own; the memory is that process's largest."""

    users: int
    different: int
    seconds: float
    megabytes: float


class Server(Protocol):
    """What has to be known of a directory in order to list its users."""

    @property
    def host(self) -> str:
        """What clients are to connect to."""

    ca: str
    password: str


def list_users(server: Server, hosts: Sequence[str] = ()) -> Listing:
    """List all users with the product's own code. Raises RuntimeError when it fails."""
    given = [hosts or [server.host], server.ca, USERS_BASE, SERVICE_ACCOUNT, server.password]
    done = subprocess.run(  # noqa: S603  # our own code, and no shell
        [sys.executable, "-c", _LISTER],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(_FUNCTIONS)},
    )
    if done.returncode:
        raise RuntimeError(f"The lister failed:\n{done.stderr}")
    return Listing(*json.loads(done.stdout))
