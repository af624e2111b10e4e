"""How many resets a second are sustained where SSM's default quota ends."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from local.driver.faults import fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.comparison import Comparison

#: What SSM takes of an account by default (bench/quotas.json): AWS documents a rate, and no burst. So after a
#: pause the emulator takes three at once at most: what was not used is not saved up.
PUTS_PER_SECOND: Final = 3
#: Requests a second: what is wanted, nearly what is granted, and more than that, which no queue survives.
RATES: Final = (2.5, 2.9, 4.0)
#: How long each rate is asked for: what the emulator takes at once lasts for one of these seconds.
SECONDS: Final = 18
#: Within which a mail counts as sent at once, retries included.
SOON: Final = 10
#: Resets under way at most: more than where a rate is held, and not so many that a slow machine chokes.
_AT_ONCE: Final = 32


@dataclass(frozen=True)
class Outcome:
    """One reset: when its request was due and its mail sent, in seconds since 1970, and what became of it."""

    asked_at: float
    mailed_at: float
    mails: int
    opened: bool


def sustained(comparison: Comparison) -> list[dict[str, Any]]:
    """Ask at one rate after the other while SSM refuses puts above its quota; return what came of each."""
    slow = fault("ssm", "PutParameter", "ThrottlingException", per_second=PUTS_PER_SECOND)
    found = []
    for rate in RATES:
        users = comparison.users(round(rate * SECONDS))
        with comparison.product.faults(slow) as hits:
            outcomes = ask_steadily(comparison, users, rate)
            found.append(summary(rate, outcomes) | {"refused": hits()[0]})
    return found


def ask_steadily(comparison: Comparison, users: list[str], rate: float) -> list[Outcome]:
    """Ask for each user at the time that is due, whatever became of those before; claim each link."""

    def reset(user: str, due: float) -> tuple[str, float, float, bool]:
        asked = comparison.ask(comparison.ours, user)
        _, password = comparison.reveal(comparison.ours, asked)
        return user, due, asked.mailed_at, comparison.product.sign_in(user, password)["signed_in"]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        start = time.time()
        running = []
        for number, user in enumerate(users):
            due = start + number / rate
            time.sleep(max(0, due - time.time()))
            running.append(pool.submit(reset, user, due))
        done = [each.result() for each in running]
    mails = [mail["to"][0] for mail in comparison.product.mails(about="CONFIDENTIAL")]
    return [Outcome(due, mailed_at, mails.count(user), opened) for user, due, mailed_at, opened in done]


def summary(rate: float, outcomes: list[Outcome]) -> dict[str, Any]:
    """Count what came of one rate: what still waited for its mail a second after the last request, too."""
    end = max(each.asked_at for each in outcomes) + 1
    return {
        "rate": rate,
        "asked": len(outcomes),
        "soon": sum(each.mailed_at - each.asked_at <= SOON for each in outcomes) / len(outcomes),
        "queue": sum(each.mailed_at > end for each in outcomes),
        "mailed_once": sum(each.mails == 1 for each in outcomes),
        "opened": sum(each.opened for each in outcomes),
        "slowest": max(each.mailed_at - each.asked_at for each in outcomes),
    }


def highest_held(found: Iterable[dict[str, Any]]) -> float:
    """Return the highest rate that is held: no more than a second's requests wait, and no reset is lost.

    0 where none is.
    """
    return max(
        (
            each["rate"]
            for each in found
            if each["queue"] <= each["rate"] and each["mailed_once"] == each["opened"] == each["asked"]
        ),
        default=0,
    )
