"""`make bench`: measure everything in one run, print the tables and write bench/results.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import cold_starts, cost, quota, reminders, report, scale
from bench.comparison import deployed
from local import ROOT, system
from local.console import say

if TYPE_CHECKING:
    from collections.abc import Callable


#: As many as fit into a run of minutes; PEOPLE=100000 is the design's size, and takes much longer.
PEOPLE = 10_000


def measure(people: int, show: Callable[[dict[str, Any]], None]) -> None:
    """Measure everything, the reminders with that many people, and show it.

    Raises SamError, CloudError, SambaError and StartError.
    """
    began = time.monotonic()

    def tell(what: str) -> None:
        say(f"{time.monotonic() - began:5.0f} s  {what}")

    results: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": commit(),
        "machine": {
            "processors": os.cpu_count(),
            "kind": platform.machine(),
            "python": platform.python_version(),
            "load": os.getloadavg()[0],
        },
    }
    tell("Starting every function, over and over ...")
    results["cold_starts"] = cold_starts.measure(ROOT)
    tell(f"Reminding {people:,} people ...")
    results["reminders"] = None if system.missing(system.SAMBA) else reminders.measure(people)
    tell("Deploying the product and the baseline ...")
    with (
        tempfile.TemporaryDirectory(prefix="latchkey-bench-") as folder,
        deployed(Path(folder)) as comparison,
    ):
        tell("Counting what one reset uses ...")
        usages = cost.measure(comparison)
        tell(f"Opening {scale.MANY} resets, the baseline's in between ...")
        results["resets"] = scale.measure(comparison, tell)
        tell("Asking for more than SSM takes ...")
        results["sustained"] = quota.sustained(comparison)
        handlers = handlers_of(results)
        results["cost"] = cost.sums(usages, handlers)
        results["memory"] = cost.memory_choices(usages["claimed"], handlers)
        results["took_seconds"] = time.monotonic() - began
        show(results)
        # Hundreds of functions leave their code behind, which takes time to delete.
        tell("Stopping the local cloud ...")


def handlers_of(results: dict[str, Any]) -> dict[str, cost.Handler]:
    """Put together what one invocation of each function takes: measured warm, and at its start."""
    cpu = results["resets"]["cpu_seconds"]
    handlers = {
        each["function"].removesuffix("Function"): cost.Handler(
            cpu.get(each["function"], 0.0), each["seconds"], each["memory_mb"]
        )
        for each in results["cold_starts"]
    }
    # It is no function of the template, and makes the clients that ResetIamPassword and SendClaimLink make.
    start = max(each.start_seconds for each in handlers.values())
    # Its two invocations, of a request and of a claim, are measured as one.
    handlers["Baseline"] = cost.Handler(cpu["BaselineFunction"] / 2, start, 256)
    return handlers


def commit() -> str:
    """Name what was measured."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=10"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def show(results: dict[str, Any]) -> None:
    """Write the figures and print their tables."""
    report.RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    say(f"\n{report.text(results)}\n")
    say(f"Written to {report.RESULTS.relative_to(ROOT)}; make bench-docs draws them.")


def main() -> None:
    """Measure, print and write."""
    argparse.ArgumentParser(prog="python -m bench", description=__doc__).parse_args()
    measure(int(os.environ.get("PEOPLE") or PEOPLE), show)


if __name__ == "__main__":
    main()
