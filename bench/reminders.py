"""The reminders of a large directory: what listing, planning and mailing take; and a reset of its users.

`python -m bench.reminders [PEOPLE]` prints the figures as JSON. Up to 10,000 people are in a Samba directory;
more than a quarter of an hour to index 100,000 is too long, so more come from `bench.ldap_server`.
"""

from __future__ import annotations

import json
import smtplib
import ssl
import sys
import tempfile
import time
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import directory_resets
from bench.ldap_server import LdapServer
from bench.process_usage import Used, used_by_functions
from local import system
from local.cloud import LocalCloud
from local.directory.generator import generate_users, list_users
from local.driver.product import Product
from local.driver.reminders import Reminders
from local.driver.rotation import Rotation
from local.seed import SENDER

if TYPE_CHECKING:
    from local.directory.samba import Samba

#: The design's size, and how many Samba takes in a minute.
PEOPLE = 100_000
_MOST_IN_SAMBA = 10_000
#: Beside those who are due by their age anyway: a third of all are then mailed.
_DUE = 0.12
#: More than this machine sends, so that it shows what it can.
_SEND_RATE = "1000"
_RUN_SECONDS = 3600
_FUNCTIONS = (
    "ListDirectoryUsersFunction",
    "PlanRemindersFunction",
    "SendRemindersFunction",
    "ReportFunction",
)
_ONE_BY_ONE = 50


def measure(people: int = PEOPLE) -> dict[str, Any]:
    """Run the reminders of a directory of that many people, a third of them due, on a cloud of its own.

    Raises CloudError, SamError or SambaError when that does not start.
    """
    with (
        tempfile.TemporaryDirectory(prefix="latchkey-bench-") as folder,
        LocalCloud(Path(folder), wait_scale=0.01) as cloud,
    ):
        users = generate_users(people, time.time(), _DUE)
        large = people > _MOST_IN_SAMBA
        cloud.more_users = () if large else users
        began = time.monotonic()
        cloud.deploy({"RemindIamUsers": "false", "SendRate": _SEND_RATE})
        if cloud.directory is None:
            raise RuntimeError(system.missing(system.SAMBA))
        with (
            LdapServer(users) if large else nullcontext(cloud.directory) as directory,
            closing(Product(cloud)) as product,
            Reminders(product).variables(
                "ListDirectoryUsers",
                DIRECTORY_HOSTS=directory.host,
                DIRECTORY_CA_CERTIFICATE=directory.ca,
                DIRECTORY_EXCLUSION_GROUP="",
                # The one that is made up answers lists alone, and has no groups.
                RESETS_DIRECTORY_USERS="false" if large else "true",
            ),
        ):
            return {
                "people": people,
                "set_up_seconds": time.monotonic() - began,
                **_listing(directory),
                **_run(Reminders(product), cloud.pid),
                "one_connection_each_per_second": _one_by_one(product),
                "directory_resets": directory_resets.measure(product, cloud.directory),
            }


def _listing(directory: Samba | LdapServer) -> dict[str, float]:
    listing = list_users(directory)
    return {
        "listed": listing.users,
        "listing_seconds": listing.seconds,
        "listing_seconds_per_10000": listing.seconds / listing.users * 10_000,
        "lister_megabytes": listing.megabytes,
    }


def _run(reminders: Reminders, emulator_pid: int) -> dict[str, Any]:
    before = used_by_functions(emulator_pid)
    arn = reminders.start()
    run = reminders.product.wait_for_end(arn, seconds=_RUN_SECONDS)
    after = used_by_functions(emulator_pid)
    seconds = dict(run.durations)
    counts = json.loads(run.description["output"])["counts"]
    mailed = counts.get("mailed", 0)
    return {
        "ended_in": run.states[-1],
        "counts": counts,
        "state_seconds": seconds,
        "functions": {
            name: {
                "cpu_seconds": after[name].cpu_seconds - before.get(name, Used()).cpu_seconds,
                "peak_mib": after[name].peak_mib,
            }
            for name in _FUNCTIONS
        },
        "mails_per_second": mailed / seconds["MailBatches"],
    }


def _one_by_one(product: Product) -> float:
    """Return how many mails a second go out over a connection each, one after the other."""
    credentials = Rotation(product).credentials()
    context = ssl.create_default_context(cafile=product.cloud.smtp_ca_file)
    mail = f"From: {SENDER}\r\nSubject: one by one\r\n\r\nHello\r\n"
    began = time.monotonic()
    for _ in range(_ONE_BY_ONE):
        with smtplib.SMTP(credentials["host"], credentials["port"]) as connection:
            connection.starttls(context=context)
            connection.login(credentials["username"], credentials["password"])
            connection.sendmail(SENDER, ["bench@example.com"], mail)
    return _ONE_BY_ONE / (time.monotonic() - began)


if __name__ == "__main__":
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
