"""How long a reset and a claim take, warm, beside the minimal peer's, and what they need of a processor."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.beside import at_a_time
from bench.figures import paired_ratio, percentile
from bench.processes import Used, used_by_functions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.beside import Asked, Beside, Service

#: Warm-up, then measured, one at a time: enough for a median; a p99 of so few is the slowest but none.
WARM_ONE: Final = 5
ONE: Final = 40
#: Waves, ours and the peer's in turn, so that both meet the machine in the same state.
WAVES: Final = 12


@dataclass
class Open:
    """Resets that were asked for and wait for their claim."""

    ours: list[Asked] = field(default_factory=list)
    peers: list[Asked] = field(default_factory=list)


@dataclass
class Times:
    """Seconds of one kind, ours and the peer's; of each wave, or each pair, the ratio of the medians."""

    ours: list[float] = field(default_factory=list)
    peers: list[float] = field(default_factory=list)
    waves: list[tuple[float, float]] = field(default_factory=list)

    def add(self, ours: list[float], peers: list[float]) -> None:
        """Add a wave of each."""
        self.ours += ours
        self.peers += peers
        self.waves.append((median(ours), median(peers)))

    def summary(self) -> dict[str, Any]:
        """Return medians, 99th percentiles and the ratio."""
        mine, theirs = zip(*self.waves, strict=True)
        return {
            "p50": median(self.ours),
            "p99": percentile(self.ours, 0.99),
            "peer_p50": median(self.peers),
            "peer_p99": percentile(self.peers, 0.99),
            "ratio": paired_ratio(mine, theirs),
            "samples": len(self.ours),
        }


def one_at_a_time(beside: Beside, number: int) -> tuple[Times, Times]:
    """Ask and claim, ours and the peer's in turn; return the times of the requests and of the claims."""
    requests, claims = Times(), Times()
    mine, theirs = beside.users(number), beside.users(number)
    for user, other in zip(mine, theirs, strict=True):
        asked, of_peer = beside.ask(beside.ours, user), beside.ask(beside.peer, other)
        requests.add([asked.seconds], [of_peer.seconds])
        claims.add([beside.claim(beside.ours, asked)], [beside.claim(beside.peer, of_peer)])
    return requests, claims


def ask_many(beside: Beside, service: Service, at_once: int, number: int) -> list[Asked]:
    """Ask for a number of resets, some at a time."""
    return at_a_time(at_once, lambda user: beside.ask(service, user), beside.users(number))


def warm_up(beside: Beside, opened: Open, at_once: Iterable[int]) -> None:
    """Ask for ever more at a time: all at once would start more functions than a machine can run."""
    for number in at_once:
        opened.ours += ask_many(beside, beside.ours, number, number)
        opened.peers += ask_many(beside, beside.peer, number, number)


def ask_in_waves(beside: Beside, opened: Open, at_once: int, number: int) -> Times:
    """Ask for a number of each in waves, and leave them open."""
    times = Times()
    for _ in range(WAVES):
        mine = ask_many(beside, beside.ours, at_once, number // WAVES)
        theirs = ask_many(beside, beside.peer, at_once, number // WAVES)
        times.add([each.seconds for each in mine], [each.seconds for each in theirs])
        opened.ours += mine
        opened.peers += theirs
    return times


def claim_in_waves(beside: Beside, opened: Open, at_once: int, number: int, waves: int = WAVES) -> Times:
    """Claim a number of each in waves; each begins when the work of the one before is over."""
    times = Times()

    def wave(service: Service, asked: list[Asked]) -> list[float]:
        taken = [asked.pop() for _ in range(number // waves)]
        return at_a_time(at_once, lambda each: beside.claim(service, each), taken)

    for _ in range(waves):
        mine = wave(beside.ours, opened.ours)
        beside.wait_until_open(len(opened.ours))
        times.add(mine, wave(beside.peer, opened.peers))
    return times


def warm_up_claims(beside: Beside, opened: Open, at_once: Iterable[int]) -> None:
    """Claim ever more at a time, for the reason `warm_up` has."""
    for number in at_once:
        claim_in_waves(beside, opened, number, number, waves=1)


def cpu_per_call(before: dict[str, Used], after: dict[str, Used], calls: int) -> dict[str, float]:
    """Return the processor seconds of each function for one of so many resets."""
    return {
        name: (used.cpu_seconds - before[name].cpu_seconds) / calls
        for name, used in sorted(after.items())
        if name in before
    }


def measure_handlers(
    beside: Beside, number: int, still_open: int
) -> tuple[Times, Times, dict[str, float], dict[str, Used]]:
    """Ask and claim one at a time, while some are open; return the times, and what each function needed."""
    one_at_a_time(beside, WARM_ONE)
    beside.wait_until_open(still_open)
    before = used_by_functions(beside.cloud.pid)
    requests, claims = one_at_a_time(beside, number)
    beside.wait_until_open(still_open)
    after = used_by_functions(beside.cloud.pid)
    return requests, claims, cpu_per_call(before, after, number), after
