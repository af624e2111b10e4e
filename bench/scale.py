"""How time per reset grows with the resets that are open, and what happens where a quota ends."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench import resets
from bench.comparison import at_a_time
from bench.cost import transitions
from bench.figures import steady_rate
from bench.resets import Open

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.comparison import Comparison

FEW: Final = 10
SOME: Final = 100
MANY: Final = 1_000

# Warm-up, and measured in waves; the links of both stay open and are claimed in the end.
_WARM_8: Final = (2, 4, 8, 8)
_EIGHT: Final = 192
_WARM_32: Final = (16, 24, 32, 32, 32)
_THIRTY_TWO: Final = 384
_AT_MANY: Final = 24

#: What SSM takes of an account by default (bench/quotas.json).
PUTS_PER_SECOND: Final = 3
#: Enough that half of them, without the beginning and the end, take some ten seconds.
THROTTLED: Final = 60
_AT_ONCE: Final = 32


def measure(comparison: Comparison, tell: Callable[[str], None]) -> dict[str, Any]:
    """Open ever more resets, and measure on the way how long one takes, and a claim."""
    opened = Open(ours=resets.ask_many(comparison, comparison.ours, 1, FEW))
    requests, claims, cpu, used = resets.measure_handlers(comparison, resets.ONE, FEW)
    found: dict[str, Any] = {
        "requests": {"1": requests.summary()},
        "claims": {"1": claims.summary()},
        "cpu_seconds": cpu,
        "peak_mib": {name: each.peak_mib for name, each in used.items()},
        "open": {str(FEW): {"request": median(requests.ours), "claim": median(claims.ours)}},
    }

    open_up_to(comparison, opened, SOME)
    found["open"][str(SOME)] = alone(comparison)
    tell("8 at a time ...")
    resets.warm_up(comparison, opened, _WARM_8)
    found["requests"]["8"] = resets.ask_in_waves(comparison, opened, 8, _EIGHT).summary()

    tell("32 at a time ...")
    resets.warm_up(comparison, opened, _WARM_32)
    found["requests"]["32"] = resets.ask_in_waves(comparison, opened, 32, _THIRTY_TWO).summary()
    tell(f"{len(opened.ours)} are open ...")
    open_up_to(comparison, opened, MANY)
    found["open"][str(MANY)] = alone(comparison)

    tell("Claiming, 8 at a time ...")
    resets.warm_up_claims(comparison, opened, _WARM_8)
    found["claims"]["8"] = resets.claim_in_waves(comparison, opened, 8, _EIGHT).summary()
    tell("32 at a time ...")
    resets.warm_up_claims(comparison, opened, _WARM_32)
    found["claims"]["32"] = resets.claim_in_waves(comparison, opened, 32, _THIRTY_TWO).summary()
    return found


def open_up_to(comparison: Comparison, opened: Open, number: int) -> None:
    """Ask for more until that many are open."""
    opened.ours += resets.ask_many(comparison, comparison.ours, 8, number - len(opened.ours))


def alone(comparison: Comparison) -> dict[str, float]:
    """Measure one at a time beside what is open."""
    requests, claims = resets.one_at_a_time(comparison, _AT_MANY)
    return {"request": median(requests.ours), "claim": median(claims.ours)}


def throttled(comparison: Comparison, number: int = THROTTLED) -> dict[str, Any]:
    """Ask for more than SSM takes, some at a time, and tell what became of each and how many a second."""
    fault = {
        "service": "ssm",
        "action": "PutParameter",
        "error": "ThrottlingException",
        "times": None,
        "per_second": PUTS_PER_SECOND,
    }
    with comparison.product.faults(fault) as hits:
        asked = resets.ask_many(comparison, comparison.ours, _AT_ONCE, number)
        at_a_time(4, lambda each: comparison.claim(comparison.ours, each), asked)
        refused = hits()[0]
    users = [each.user for each in asked]
    runs = [comparison.product.wait_for_end(arn, 300) for arn in comparison.product.execution_arns(*users)]
    mails = Counter(
        mail["to"][0] for mail in comparison.product.all_mails() if "CONFIDENTIAL" in mail["subject"]
    )
    return {
        "asked": number,
        "at_once": _AT_ONCE,
        "puts_per_second": PUTS_PER_SECOND,
        "refused": refused,
        "retried": sum(retries(run.events) for run in runs),
        "mailed_once": sum(mails[user] == 1 for user in users),
        "claimed": sum(run.states[-1] == "Claimed" for run in runs),
        "slowest": max(each.seconds for each in asked),
        "sustained_per_second": steady_rate(each.mailed_at for each in asked),
    }


def retries(events: list[dict[str, Any]]) -> int:
    """Count the tries of an execution that were not the first of their state."""
    states = sum(str(event["type"]).endswith("StateEntered") for event in events)
    return transitions(events) - states
