"""What a reset costs: what one used, counted, times a table of prices."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.comparison import Comparison, Service

_PRICES: Final = Path(__file__).with_name("prices.json")

#: Calls for which SSM asks KMS on our behalf: a data key for an advanced SecureString, and its decryption.
#: https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
_WITH_KEY: Final = {("StorePassword", "PutParameter"), ("RevealPassword", "GetParameter")}

_HOUR_SECONDS: Final = 3600
_GIB: Final = 1024**3


@dataclass(frozen=True)
class Usage:
    """What one reset used. `api` are the routes called; `calls` are AWS calls by role, service and action."""

    api: tuple[str, ...]
    calls: tuple[tuple[str, str, str], ...]
    invocations: Mapping[str, int]
    transitions: int
    log_bytes: int

    def calls_of(self, role: str) -> int:
        """Count the AWS calls a function made."""
        return sum(by == role for by, _, _ in self.calls)


@dataclass(frozen=True)
class Handler:
    """What one invocation of a function takes."""

    cpu_seconds: float
    start_seconds: float
    memory_mb: int


def read_prices() -> dict[str, Any]:
    """Read the table of prices and the other assumptions."""
    prices: dict[str, Any] = json.loads(_PRICES.read_text())
    return prices


def seconds_of(handler: Handler, calls: float, assumptions: Mapping[str, Any], memory_mb: int) -> float:
    """Estimate how long a warm invocation takes on AWS: work on its share of a processor, and waiting."""
    share = min(1.0, memory_mb / float(assumptions["full_processor_mb"]["value"]))
    return handler.cpu_seconds / share + calls * float(assumptions["aws_call_ms"]["value"]) / 1000


def gb_seconds(usage: Usage, handlers: Mapping[str, Handler], assumptions: Mapping[str, Any]) -> float:
    """Estimate what Lambda bills of one reset: each invocation, and the starts of the cold ones."""
    total = 0.0
    for name, times in usage.invocations.items():
        handler = handlers[name]
        calls = usage.calls_of(name) / times
        warm = seconds_of(handler, calls, assumptions, handler.memory_mb)
        start = handler.start_seconds * float(assumptions["cold"]["value"])
        total += times * (math.ceil((warm + start) * 1000) / 1000) * handler.memory_mb / 1024
    return total


def amounts(
    usage: Usage, handlers: Mapping[str, Handler], assumptions: Mapping[str, Any], hours_open: float
) -> dict[str, float]:
    """Return how much of each priced thing one reset uses when its link stays open for that many hours."""
    services = Counter(service for _, service, _ in usage.calls)
    # The baseline's parameters are standard ones.
    acts = [(by, action) for by, service, action in usage.calls if service == "ssm" and by != "Baseline"]
    writes = sum(service == "dynamodb" and action != "GetItem" for _, service, action in usage.calls)
    return {
        "states:transition": usage.transitions,
        "ses:mail": sum(action == "SendEmail" for _, service, action in usage.calls if service == "ses"),
        "ssm:advanced-hour": math.ceil(hours_open) if acts else 0,
        "ssm:advanced-interaction": len(acts),
        "dynamodb:write": writes * float(assumptions["units_of_a_write"]["value"]),
        "dynamodb:read": services["dynamodb"] - writes,
        "kms:request": services["kms"] + sum(act in _WITH_KEY for act in acts),
        "lambda:request": sum(usage.invocations.values()),
        "lambda:gb-second": gb_seconds(usage, handlers, assumptions),
        "apigateway:request": len(usage.api),
        "xray:trace": int(usage.transitions > 0),
        "logs:gb": usage.log_bytes / _GIB,
        "events:event": sum(action == "PutEvents" for _, _, action in usage.calls),
    }


def usd_per_1000(used: Mapping[str, float], prices: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return dollars for 1,000 of what was used, the dearest first; what was not used is left out."""
    sums = {
        name: 1000 * amount * float(prices[name]["usd"]) / float(prices[name]["per"])
        for name, amount in used.items()
        if amount
    }
    return dict(sorted(sums.items(), key=lambda item: item[1], reverse=True))


def transitions(events: Iterable[Mapping[str, Any]]) -> int:
    """Count transitions as they are billed: the states an execution entered, and each try after the first."""
    kinds = Counter(str(event["type"]) for event in events)
    entered = sum(number for kind, number in kinds.items() if kind.endswith("StateEntered"))
    tries = kinds["TaskScheduled"] + kinds["LambdaFunctionScheduled"]
    return entered + max(0, tries - kinds["TaskStateEntered"])


# Counting


def use_once(comparison: Comparison, service: Service, *, claimed: bool) -> Usage:
    """Let one reset be claimed, or expire, and count what it used."""
    [user] = comparison.users(1)
    logged = comparison.log_bytes()
    ours = service is comparison.ours
    api = ["POST /generate"]
    with comparison.calls() as made:
        asked = comparison.ask(service, user)
        if claimed and ours:
            comparison.product.http.get(asked.link.page).raise_for_status()
            api.append("GET /extract")
        if claimed:
            comparison.claim(service, asked)
            api.append("POST /extract")
        events = []
        if ours:
            arn = comparison.product.execution_arns(user)[-1]
            events = comparison.product.wait_for_end(arn).events
    calls = tuple((call["by"], call["service"], call["action"]) for call in made)
    return Usage(
        api=tuple(api),
        calls=tuple(call for call in calls if call[2] != "Invoke"),
        invocations=_invocations(calls, events, api) if ours else {"Baseline": len(api)},
        transitions=transitions(events),
        log_bytes=comparison.log_bytes() - logged,
    )


_ROUTES: Final = {
    "POST /generate": "RequestReset",
    "GET /extract": "ShowPage",
    "POST /extract": "RevealPassword",
}


def _invocations(
    calls: tuple[tuple[str, str, str], ...], events: list[dict[str, Any]], api: list[str]
) -> dict[str, int]:
    """Count the invocations of each function: by the API, and by states that bear the functions' names."""
    invoked = sum(action == "Invoke" for _, _, action in calls)
    found = Counter(_ROUTES[route] for route in api)
    state = ""
    for event in events:
        state = event.get("stateEnteredEventDetails", {}).get("name", state)
        details = event.get("taskScheduledEventDetails", {})
        if details.get("resourceType") == "lambda" or event["type"] == "LambdaFunctionScheduled":
            found[state] += 1
    if sum(found.values()) != invoked + len(api):
        raise RuntimeError(f"The history tells of {sum(found.values())} invocations, the log of {invoked}.")
    return dict(found)


def measure(comparison: Comparison, expires_after_seconds: int = 2) -> dict[str, Usage]:
    """Count what a claimed and an expired reset use, and the baseline's."""
    found = {
        "claimed": use_once(comparison, comparison.ours, claimed=True),
        "baseline": use_once(comparison, comparison.baseline, claimed=True),
    }
    with comparison.product.claims_live(expires_after_seconds):
        found["expired"] = use_once(comparison, comparison.ours, claimed=False)
    return found


def sums(
    usages: Mapping[str, Usage], handlers: Mapping[str, Handler], ttl_minutes: Iterable[int] = (5, 60, 1440)
) -> dict[str, Any]:
    """Return what 1,000 of each kind cost, and what a longer life of the links changes."""
    table = read_prices()
    prices, assumptions = table["prices"], table["assumptions"]

    def of(kind: str, hours: float) -> dict[str, float]:
        return usd_per_1000(amounts(usages[kind], handlers, assumptions, hours), prices)

    found: dict[str, Any] = {
        kind: {
            "amounts": amounts(usage, handlers, assumptions, 1),
            "usd_per_1000": of(kind, 1),
            "total": sum(of(kind, 1).values()),
            "transitions": usage.transitions,
            "invocations": sum(usage.invocations.values()),
            "calls": dict(Counter(f"{service}:{action}" for _, service, action in usage.calls)),
        }
        for kind, usage in usages.items()
    }
    found["expired_by_ttl"] = {
        str(minutes): sum(of("expired", minutes * 60 / _HOUR_SECONDS).values()) for minutes in ttl_minutes
    }
    return found


def memory_choices(
    usage: Usage, handlers: Mapping[str, Handler], sizes: Iterable[int] = (128, 256, 512, 1024, 1769)
) -> list[dict[str, float]]:
    """Return what each memory size would mean: the warm time of a claim, and what 1,000 resets pay Lambda."""
    table = read_prices()
    assumptions = table["assumptions"]
    found = []
    for size in sizes:
        sized = {name: Handler(each.cpu_seconds, each.start_seconds, size) for name, each in handlers.items()}
        reveal = sized["RevealPassword"]
        per_second = float(table["prices"]["lambda:gb-second"]["usd"])
        found.append(
            {
                "memory_mb": size,
                "claim_seconds": seconds_of(reveal, usage.calls_of("RevealPassword"), assumptions, size),
                "reset_seconds": sum(
                    times * seconds_of(sized[name], usage.calls_of(name) / times, assumptions, size)
                    for name, times in usage.invocations.items()
                ),
                "usd_per_1000": 1000 * per_second * gb_seconds(usage, sized, assumptions),
            }
        )
    return found
