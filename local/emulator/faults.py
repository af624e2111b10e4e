"""Faults injected into AWS calls: errors, delays, lost answers."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.emulator.call_log import Operation

# The names that boto3 clients and Step Functions give a service, to the one IAM policies use.
_SERVICE_NAMES = {"sesv2": "ses", "sfn": "states", "stepfunctions": "states"}


class FaultError(ValueError):
    """When a fault's description cannot be understood; the message names the field."""


@dataclass
class Fault:
    """What a matching call meets.

    `service` and `action` are named as in an IAM policy (`iam`, `UpdateLoginProfile`); Lambda's is `Invoke`.
    The first `after` matching calls pass, the next `times` are hit (None: all); with `per_second` only those
    above that rate, counted by a token bucket that holds one second's calls. `match` is a part of the
    request's body. With `crash` the caller gets no answer; with `late` the call takes effect first. With
    `stale` a read answers as before the first write that the service took since the fault was added. Without
    any of these the call is only delayed.
    """

    service: str
    action: str
    error: str = ""
    status: int = 400
    message: str = "Injected by a test"
    times: int | None = 1
    after: int = 0
    per_second: float = 0
    match: str = ""
    delay_seconds: float = 0
    crash: bool = False
    late: bool = False
    stale: bool = False
    before: dict[str, Any] | None = None
    seen: int = 0
    hits: int = 0
    spent: float = 0
    spent_at: float = 0

    def is_within_rate(self, now: float) -> bool:
        """Say whether a call at this time, in seconds, is one of those that `per_second` lets pass."""
        self.spent = max(0, self.spent - (now - self.spent_at) * self.per_second)
        self.spent_at = now
        if self.spent + 1 > max(self.per_second, 1):
            return False
        self.spent += 1
        return True

    def matches(self, operation: Operation, body: bytes) -> bool:
        """Tell whether this fault concerns that call."""
        if (self.service, self.action) != (operation.service, operation.action):
            return False
        text = body.decode("utf-8", "replace")
        return self.match in text or self.match in unquote_plus(text)

    @property
    def used_up(self) -> bool:
        """Whether it has hit as often as it should."""
        return self.times is not None and self.hits >= self.times

    @property
    def answers(self) -> bool:
        """Whether the call fails, rather than only takes longer."""
        return bool(self.error) or self.crash


_TYPES: dict[str, tuple[type, ...]] = {
    "service": (str,),
    "action": (str,),
    "error": (str,),
    "status": (int,),
    "message": (str,),
    "times": (int, type(None)),
    "after": (int,),
    "per_second": (int, float),
    "match": (str,),
    "delay_seconds": (int, float),
    "crash": (bool,),
    "late": (bool,),
    "stale": (bool,),
}


def fault_from(description: object) -> Fault:
    """Read a fault from its JSON description.

    Raises FaultError for an unknown, missing or wrongly typed field.
    """
    if not isinstance(description, dict):
        raise FaultError("A fault is a JSON object")
    for name, value in description.items():
        if name not in _TYPES:
            raise FaultError(f"{name}: no such field; there are {', '.join(_TYPES)}")
        wanted = _TYPES[name]
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise FaultError(f"{name}: not a value this field takes")
    for name in ("service", "action"):
        if not description.get(name):
            raise FaultError(f"{name}: required")
    fault = Fault(**description)
    fault.service = _SERVICE_NAMES.get(fault.service.lower(), fault.service.lower())
    fault.action = fault.action[0].upper() + fault.action[1:]
    return fault


class Faults:
    """The faults in force. Calls come from the server's loop and from executions' threads."""

    def __init__(self) -> None:
        """Start without any."""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Append a fault; among several that match, the first not yet used up is met."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """All faults, with how many calls each has seen and hit."""
        with self._lock:
            return [asdict(replace(fault, before=None)) for fault in self._faults]

    def take(self, operation: Operation, body: bytes) -> Fault | None:
        """Find the fault for this call, and count the hit."""
        with self._lock:
            for fault in self._faults:
                if fault.stale or fault.used_up:
                    continue
                if not fault.matches(operation, body):
                    continue
                fault.seen += 1
                if fault.per_second and fault.is_within_rate(time.monotonic()):
                    continue
                if fault.seen > fault.after:
                    fault.hits += 1
                    return fault
        return None

    def remember(self, service: str, state: Callable[[], dict[str, Any]]) -> None:
        """Keep the state of a service, which is about to change, for the stale reads to come."""
        with self._lock:
            for fault in self._faults:
                if fault.stale and fault.service == service and fault.before is None:
                    fault.before = state()

    def take_stale(self, operation: Operation, body: bytes) -> dict[str, Any] | None:
        """Find the state that this read sees, if not the present one, and count the hit."""
        with self._lock:
            for fault in self._faults:
                if fault.before is None or fault.used_up or not fault.matches(operation, body):
                    continue
                fault.seen += 1
                if fault.seen > fault.after:
                    fault.hits += 1
                    return fault.before
        return None
