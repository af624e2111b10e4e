"""Fifty people of a directory reset at once, fifty claims of one link, two resets of one person.

`python -m bench.directory_crowd` takes minutes and gigabytes, so no test and no `make bench` runs it. It ends
with an error unless each person got one link that works and shows the password that the account has.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from local.cloud import LocalCloud
from local.console import say
from local.driver.directory import MUST_CHANGE, Directory
from local.driver.product import Link, Product, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

_PEOPLE = 50
_DEADLINE_SECONDS = 600
_PASSWORD = "Aa0!anything-at-all"  # noqa: S105  # of users made for this


class CrowdError(RuntimeError):
    """When something that may happen once did not, or happened twice; the message says what."""


def _ensure(what: str, found: object, wanted: object) -> None:
    say(f"{what}: {found}")
    if found != wanted:
        raise CrowdError(f"{what}: {found}, and not {wanted}")


def _codes(answers: Sequence[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def _links(product: Product, names: Sequence[str], began: float) -> dict[str, list[Link]]:
    """Return each person's links, once all are mailed: two of the first one's, one of each other's."""

    def look() -> list[dict[str, Any]]:
        mails = product.mails(about="CONFIDENTIAL")
        return mails if len(mails) > len(names) else []

    mails = wait_for("every link", look, _DEADLINE_SECONDS)
    seconds = sorted(datetime.fromisoformat(mail["sent_at"]).timestamp() - began for mail in mails)
    first, half, last = seconds[0], median(seconds), seconds[-1]
    say(f"links mailed after {first:.1f} s (first), {half:.1f} s (half), {last:.1f} s (all)")
    links: dict[str, list[Link]] = {name: [] for name in names}
    for mail in mails:
        links[mail["to"][0].partition("@")[0]].append(Link.within(mail["text"]))
    _ensure("links of each person", Counter(map(len, links.values())), {2: 1, 1: len(names) - 1})
    return links


def crowd(product: Product, directory: Directory, people: int) -> None:
    """Let that many people ask at once, and claim one's link that often. Raises CrowdError."""
    names = [directory.create_user(_PASSWORD) for _ in range(people)]
    began = time.time()
    with ThreadPoolExecutor(people) as at_once:
        # The first person twice.
        users = [f"directory/{name}" for name in (names[0], *names)]
        arns = list(at_once.map(product.start_reset, users))
        links = _links(product, names, began)
        claims = list(at_once.map(product.claim, [links[names[-1]][0]] * people))
        _ensure(f"{people} claims of one link", _codes(claims), {200: 1} | {410: people - 1})
        twice = list(at_once.map(product.claim, links[names[0]]))
        _ensure("claims of two links of one person", _codes(twice), {200: 1, 410: 1})
        others = list(at_once.map(product.claim, [links[name][0] for name in names[1:-1]]))
    shown = [answer.json() for answer in (*claims, *twice, *others) if answer.is_success]
    signed_in = Counter(directory.sign_in(each["user"], each["password"]) for each in shown)
    _ensure("people whose account has the password that was shown", signed_in, {MUST_CHANGE: people})
    _ensure("different people", len({each["user"] for each in shown}), people)
    ends = Counter(product.wait_for_end(arn, _DEADLINE_SECONDS).states[-1] for arn in arns)
    _ensure("resets", ends, {"Claimed": people, "Superseded": 1})


def main() -> None:
    """Start a local cloud and let the crowd in."""
    parser = argparse.ArgumentParser(prog="python -m bench.directory_crowd", description=__doc__)
    parser.add_argument("--people", type=int, default=_PEOPLE, help="how many people, and claims of one link")
    parser.add_argument("--functions", type=int, help="how many functions run at once; 10 on a new account")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="latchkey-crowd-"))
        cloud = stack.enter_context(LocalCloud(Path(folder)))
        cloud.deploy()
        if cloud.directory is None:
            raise CrowdError("There is no directory: make setup installs Samba.")
        product = stack.enter_context(closing(Product(cloud)))
        if given.functions:
            stack.enter_context(product.concurrent_functions(given.functions))
        crowd(product, Directory(cloud.directory), given.people)


if __name__ == "__main__":
    main()
