"""How much processor time and memory the local cloud's functions have used, each in its own process."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench.comparison import function_in


@dataclass(frozen=True)
class Used:
    """What the processes of one function have used so far; `peak_mib` is that of the largest."""

    cpu_seconds: float = 0
    peak_mib: float = 0
    processes: int = 0


def used_by_functions(emulator_pid: int, proc: Path = Path("/proc")) -> dict[str, Used]:
    """Return what each function below the emulator has used, by its name in the template.

    Reads /proc (proc(5)), so on Linux only, where Lambda runs as well.
    """
    found: defaultdict[str, Used] = defaultdict(Used)
    for folder in proc.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            # The name in parentheses may hold anything, blanks as well.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text()
            status = (folder / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # It ended while we looked.
        name = function_in(command)
        if int(fields[1]) != emulator_pid or name is None or "VmHWM:" not in status:
            continue
        before = found[name]
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        found[name] = Used(before.cpu_seconds + seconds, max(before.peak_mib, peak), before.processes + 1)
    return dict(found)
