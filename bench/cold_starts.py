"""What it takes to start each function, against a bare `import boto3` and the same clients."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from local import sam
from local.emulator.patches.functions import RUNTIME
from tools.asl import mapping, read_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.asl import Json

ROUNDS: Final = 15
#: Without bytecode a start compiles everything; the difference is large, so fewer runs are enough.
ROUNDS_WITHOUT_BYTECODE: Final = 3

_PROBE: Final = Path(__file__).with_name("start_probe.py")
# The client of directories, which functions bring along.
_LDAP: Final = ("ldap3", "pyasn1")
_EXPENSIVE: Final = 5
_DEADLINE_SECONDS: Final = 120


class StartError(RuntimeError):
    """When a function does not start; the message says which, and what it wrote."""


@dataclass(frozen=True)
class Function:
    """A function of the template: what its start needs."""

    name: str
    module: str
    memory_mb: int
    environment: Mapping[str, str]


def functions_of(template: Json) -> list[Function]:
    """Read every function of a template, in its order."""
    everywhere = mapping(mapping(template.get("Globals")).get("Function"))
    found = []
    for logical_id, resource in mapping(template.get("Resources")).items():
        if mapping(resource).get("Type") != "AWS::Serverless::Function":
            continue
        own = mapping(mapping(resource).get("Properties"))
        variables = {**_variables(everywhere), **_variables(own)}
        found.append(
            Function(
                name=logical_id,
                module=str(own["Handler"]).rpartition(".")[0],
                memory_mb=int(own.get("MemorySize") or everywhere.get("MemorySize") or 128),
                environment={name: _value(value, template) for name, value in variables.items()},
            )
        )
    return found


def _variables(properties: Json) -> Json:
    return mapping(mapping(properties.get("Environment")).get("Variables"))


def _value(value: object, template: Json) -> str:
    """Give an environment variable a value: the text itself, a parameter's default, or any text."""
    parameters = mapping(template.get("Parameters"))
    if isinstance(value, dict):
        return str(mapping(parameters.get(str(value.get("Ref")))).get("Default", "any"))
    return str(value)


def sdk_folder(folder: Path) -> Path:
    """Link the boto3 of Lambda's runtime and the client of directories into a folder, and nothing else.

    Both were compiled when they were installed: a slow bare import would flatter our own.
    """
    folder.mkdir()
    (runtime,) = RUNTIME.glob("lib/python3.*/site-packages")
    ours = [Path(str(distribution(name).locate_file(name))) for name in _LDAP]
    for installed in (*runtime.iterdir(), *ours):
        (folder / installed.name).symlink_to(installed)
    return folder


def without_bytecode(folder: Path, copy: Path) -> Path:
    """Copy a built function without its bytecode."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


class Starter:
    """Starts modules in processes of their own."""

    def __init__(self, sdk: Path) -> None:
        """Let starts find boto3 in `sdk`."""
        self.sdk = sdk

    def start(self, function: Function, folder: Path) -> dict[str, Any]:
        """Start a function from its folder."""
        return self._probe("start", function.module, folder, function.environment)

    def clients(self, function: Function, folder: Path) -> tuple[str, ...]:
        """Return the services a function makes clients of."""
        return tuple(self._probe("clients", function.module, folder, function.environment)["clients"])

    def bare(self, clients: tuple[str, ...]) -> float:
        """Import boto3 and make clients; return the seconds it took."""
        return float(self._probe("bare", clients, self.sdk, {})["cpu"])

    def imports(self, function: Function, folder: Path) -> dict[str, float]:
        """Return what each package's own code took to import, in seconds, the most expensive first."""
        given = {"do": "start", "with": function.module, "path": [str(folder), str(self.sdk)]}
        return most_expensive(self._run(["-X", "importtime"], given, function.environment).stderr)

    def _probe(
        self, doing: str, given: object, folder: Path, environment: Mapping[str, str]
    ) -> dict[str, Any]:
        done = self._run([], {"do": doing, "with": given, "path": [str(folder), str(self.sdk)]}, environment)
        answer: dict[str, Any] = json.loads(done.stdout.rpartition("\n")[2])
        return answer

    def _run(
        self, options: list[str], given: dict[str, Any], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        # No site packages, and no bytecode written: Lambda's code folder is read-only.
        command = [sys.executable, "-S", "-B", *options, str(_PROBE), json.dumps(given)]
        done = subprocess.run(  # noqa: S603  # our own script, and no shell
            command,
            env={**_RUNTIME, **environment},
            capture_output=True,
            text=True,
            timeout=_DEADLINE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise StartError(f"{given['with']} does not start:\n{done.stderr[-4000:]}")
        return done


# What Lambda sets, with values that cannot be mistaken for credentials.
_RUNTIME: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "any",
    "AWS_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SESSION_TOKEN": "test",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LANG": "en_US.UTF-8",
    "PATH": os.defpath,
}


def most_expensive(importtime: str) -> dict[str, float]:
    """Add up what `-X importtime` wrote by package: seconds in its own code, the five greatest first."""
    own: defaultdict[str, int] = defaultdict(int)
    for line in importtime.splitlines():
        head, *rest = line.removeprefix("import time:").split("|")
        if line.startswith("import time:") and rest and head.strip().isdecimal():
            own[rest[1].strip().partition(".")[0]] += int(head)
    greatest = sorted(own.items(), key=lambda item: item[1], reverse=True)[:_EXPENSIVE]
    return {package: microseconds / 1e6 for package, microseconds in greatest}


def measure(root: Path) -> list[dict[str, Any]]:
    """Measure the start of every function that the template declares. Raises StartError and SamError."""
    sam.build(root)
    functions = functions_of(read_template(root / "template.yaml"))
    build = root / ".aws-sam" / "build"
    with tempfile.TemporaryDirectory(prefix="latchkey-bench-") as scratch:
        starter = Starter(sdk_folder(Path(scratch) / "sdk"))
        stripped = Path(scratch) / "stripped"
        for each in functions:
            without_bytecode(build / each.name, stripped / each.name)
        # Seconds of a processor are counted, so starts on several processors hardly disturb each other.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return _measure(functions, build, stripped, starter, pool)


def _measure(
    functions: list[Function], build: Path, stripped: Path, starter: Starter, pool: ThreadPoolExecutor
) -> list[dict[str, Any]]:
    clients = list(pool.map(lambda each: starter.clients(each, build / each.name), functions))
    wanted = list(dict.fromkeys(clients))
    ours, bare, compiling = [], [], []
    for number in range(ROUNDS):
        alone = pool.map(starter.bare, wanted)
        ours.append(list(pool.map(lambda each: starter.start(each, build / each.name), functions)))
        bare.append(dict(zip(wanted, alone, strict=True)))
        if number < ROUNDS_WITHOUT_BYTECODE:
            compiling.append(
                list(pool.map(lambda each: starter.start(each, stripped / each.name), functions))
            )
    imports = list(pool.map(lambda each: starter.imports(each, build / each.name), functions))
    return [
        {
            "function": each.name,
            "clients": list(clients[number]),
            "memory_mb": each.memory_mb,
            "imports": imports[number],
            **summary(
                [starts[number] for starts in ours],
                [found[clients[number]] for found in bare],
                [starts[number] for starts in compiling],
            ),
        }
        for number, each in enumerate(functions)
    ]


def summary(
    ours: list[dict[str, Any]], bare: list[float], compiling: list[dict[str, Any]]
) -> dict[str, float]:
    """Put the figures of one function's starts together; seconds are those of a processor."""
    return {
        "seconds": median(run["cpu"] for run in ours),
        "bare_seconds": median(bare),
        "ratio": median(run["cpu"] for run in ours) / median(bare),
        "without_bytecode_seconds": median(run["cpu"] for run in compiling),
        "peak_mib": max(run["peak_kib"] for run in ours) / 1024,
    }
