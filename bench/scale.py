"""How time per reset grows with the resets that are open."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench import resets
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
