"""The command line as a package: quick to start, and apart from the functions."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

#: How its packages are imported.
_IMPORTED_AS = {"boto3": "boto3", "click": "click", "pyyaml": "yaml", "rich": "rich"}


def run(code: str) -> str:
    return subprocess.run(  # noqa: S603  # our own Python
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": "functions:."},
    ).stdout


HELP = "import sys; from cli.__main__ import main; main(['--help'], standalone_mode=False)"


def test_help_starts_within_four_tenths_of_a_second() -> None:
    # Time on a processor: the machine may be busy. The first try makes the bytecode.
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert "check" in run(HELP)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.4


def test_help_needs_neither_boto3_nor_rich_nor_what_functions_carry() -> None:
    loaded = set(run(f"{HELP}; print('loaded', *sys.modules)").partition("loaded ")[2].split())
    assert "cli.check" in loaded
    assert not loaded & {"boto3", "botocore.client", "rich", "aws_lambda_powertools", "ldap3"}


def test_its_packages_are_no_part_of_any_function() -> None:
    wanted = {re.split(r"[<>=]", each)[0] for each in PROJECT["project"]["dependencies"]}
    assert wanted == set(_IMPORTED_AS)
    carried = (ROOT / "functions" / "requirements.txt").read_text("utf-8")
    assert not wanted & {line.partition("==")[0] for line in carried.splitlines()}
    # boto3 is the runtime's.
    strangers = {"cli", *_IMPORTED_AS.values()} - {"boto3"}
    pattern = re.compile(rf"^\s*(?:from|import) ({'|'.join(strangers)})\b", re.MULTILINE)
    for module in (ROOT / "functions").rglob("*.py"):
        assert not pattern.search(module.read_text("utf-8")), module


def test_it_imports_rules_of_the_functions_and_no_adapter() -> None:
    adapters = re.compile(r"boto3\.client|^import (boto3|ldap3)|os\.environ", re.MULTILINE)
    for module in (ROOT / "cli").rglob("*.py"):
        for name in re.findall(r"^from (latchkey[.\w]*) import", module.read_text("utf-8"), re.MULTILINE):
            source = ROOT / "functions" / f"{name.replace('.', '/')}.py"
            assert not adapters.search(source.read_text("utf-8")), f"{module.name} imports {name}"


def test_the_package_has_the_command_and_what_it_imports() -> None:
    assert PROJECT["project"]["scripts"] == {"latchkey": "cli.__main__:main"}
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert packages == ["cli", "functions/latchkey"]
    assert all((ROOT / package / "__init__.py").is_file() for package in packages)
