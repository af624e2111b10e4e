"""EventBridge Scheduler: when a schedule fires first.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/scheduler.py
    `_tick_schedules`
https://github.com/ministackorg/ministack/issues/958
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

from typing import Any

from local.emulator.patches.base import Untyped, module, replace

_TICK_SECONDS = 0.5


def apply() -> None:
    """AWS: a rate that has no StartDate fires at once. MiniStack waits for its first interval.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based
    Raises PatchError.
    """
    scheduler = module("services.scheduler", "_SCHEDULE_TICK_INTERVAL", "_schedules", "_schedule_last_fired")
    scheduler._SCHEDULE_TICK_INTERVAL = _TICK_SECONDS

    def wrap(original: Untyped) -> Untyped:
        def tick() -> None:
            for key, schedule in list(scheduler._schedules._data.items()):
                if fires_at_once(schedule):
                    scheduler._schedule_last_fired.setdefault(key, 0.0)
            original()

        return tick

    replace(scheduler, "_tick_schedules", wrap)


def fires_at_once(schedule: dict[str, Any]) -> bool:
    """Say whether a schedule does not wait for its first interval."""
    return schedule["ScheduleExpression"].startswith("rate(") and not schedule.get("StartDate")
