"""How long a reset and a claim take, warm, beside the baseline's, and what they need of a processor."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.comparison import at_a_time
from bench.figures import paired_ratio, percentile
from bench.process_usage import Used, used_by_functions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.comparison import Asked, Comparison, Service

#: Warm-up, then measured, one at a time: enough for a median; a p99 of so few is the slowest but none.
WARM_ONE: Final = 5
ONE: Final = 40
#: Waves, ours and the baseline's in turn, so that both meet the machine in the same state.
WAVES: Final = 12


@dataclass
class Open:
    """Resets that were asked for and wait for their claim."""

    ours: list[Asked] = field(default_factory=list)
    baseline: list[Asked] = field(default_factory=list)


@dataclass
class Times:
    """Seconds of one kind, ours and the baseline's; of each wave, or each pair, the ratio of the medians."""

    ours: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)
    waves: list[tuple[float, float]] = field(default_factory=list)

    def add(self, ours: list[float], baseline: list[float]) -> None:
        """Add a wave of each."""
        self.ours += ours
        self.baseline += baseline
        self.waves.append((median(ours), median(baseline)))

    def summary(self) -> dict[str, Any]:
        """Return medians, 99th percentiles and the ratio."""
        mine, theirs = zip(*self.waves, strict=True)
        return {
            "p50": median(self.ours),
            "p99": percentile(self.ours, 0.99),
            "baseline_p50": median(self.baseline),
            "baseline_p99": percentile(self.baseline, 0.99),
            "ratio": paired_ratio(mine, theirs),
            "samples": len(self.ours),
        }


def one_at_a_time(comparison: Comparison, number: int) -> tuple[Times, Times]:
    """Ask and claim, ours and the baseline's in turn; return the times of the requests and of the claims."""
    requests, claims = Times(), Times()
    mine, theirs = comparison.users(number), comparison.users(number)
    for user, other in zip(mine, theirs, strict=True):
        asked, of_baseline = comparison.ask(comparison.ours, user), comparison.ask(comparison.baseline, other)
        requests.add([asked.seconds], [of_baseline.seconds])
        claims.add(
            [comparison.claim(comparison.ours, asked)], [comparison.claim(comparison.baseline, of_baseline)]
        )
    return requests, claims


def ask_many(comparison: Comparison, service: Service, at_once: int, number: int) -> list[Asked]:
    """Ask for a number of resets, some at a time."""
    return at_a_time(at_once, lambda user: comparison.ask(service, user), comparison.users(number))


def warm_up(comparison: Comparison, opened: Open, at_once: Iterable[int]) -> None:
    """Ask for ever more at a time: all at once would start more functions than a machine can run."""
    for number in at_once:
        opened.ours += ask_many(comparison, comparison.ours, number, number)
        opened.baseline += ask_many(comparison, comparison.baseline, number, number)


def ask_in_waves(comparison: Comparison, opened: Open, at_once: int, number: int) -> Times:
    """Ask for a number of each in waves, and leave them open."""
    times = Times()
    for _ in range(WAVES):
        mine = ask_many(comparison, comparison.ours, at_once, number // WAVES)
        theirs = ask_many(comparison, comparison.baseline, at_once, number // WAVES)
        times.add([each.seconds for each in mine], [each.seconds for each in theirs])
        opened.ours += mine
        opened.baseline += theirs
    return times


def claim_in_waves(
    comparison: Comparison, opened: Open, at_once: int, number: int, waves: int = WAVES
) -> Times:
    """Claim a number of each in waves; each begins when the work of the one before is over."""
    times = Times()

    def wave(service: Service, asked: list[Asked]) -> list[float]:
        taken = [asked.pop() for _ in range(number // waves)]
        return at_a_time(at_once, lambda each: comparison.claim(service, each), taken)

    for _ in range(waves):
        mine = wave(comparison.ours, opened.ours)
        comparison.wait_until_open(len(opened.ours))
        times.add(mine, wave(comparison.baseline, opened.baseline))
    return times


def warm_up_claims(comparison: Comparison, opened: Open, at_once: Iterable[int]) -> None:
    """Claim ever more at a time, for the reason `warm_up` has."""
    for number in at_once:
        claim_in_waves(comparison, opened, number, number, waves=1)


def cpu_per_call(before: dict[str, Used], after: dict[str, Used], calls: int) -> dict[str, float]:
    """Return the processor seconds of each function for one of so many resets."""
    return {
        name: (used.cpu_seconds - before[name].cpu_seconds) / calls
        for name, used in sorted(after.items())
        if name in before
    }


def measure_handlers(
    comparison: Comparison, number: int, still_open: int
) -> tuple[Times, Times, dict[str, float], dict[str, Used]]:
    """Ask and claim one at a time, while some are open; return the times, and what each function needed."""
    one_at_a_time(comparison, WARM_ONE)
    comparison.wait_until_open(still_open)
    before = used_by_functions(comparison.cloud.pid)
    requests, claims = one_at_a_time(comparison, number)
    comparison.wait_until_open(still_open)
    after = used_by_functions(comparison.cloud.pid)
    return requests, claims, cpu_per_call(before, after, number), after
