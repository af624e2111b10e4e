"""Plant faults in the rules, one at a time, and show those that the unit tests miss: `make mutants`.

A rule is a module of `functions/latchkey` that imports nothing of the outside world, be it by way of another
module; so the rules are found wherever they lie. mutmut lives in an environment of its own, laid over the
project's.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ROOT = Path(__file__).resolve().parent.parent
WORKSPACE = ROOT / ".mutants"
MUTMUT = "mutmut==3.8.1"
# What makes a module one of the outside world. Each name is a top-level package.
OUTSIDE = {"aws_lambda_powertools", "boto3", "botocore", "ldap3", "os", "smtplib", "socket", "ssl"}
# mutmut takes a module's name from its path, and `src` is the one folder that it does not take for a package.
SOURCES = "src"


def imports(path: Path) -> Iterator[str]:
    """Yield the names of the modules that a module imports; of what is imported from one, too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def rules(functions: Path) -> dict[str, Path]:
    """Find the rules below `functions`; returns each one's path by its name."""
    paths = {
        ".".join(path.relative_to(functions).with_suffix("").parts): path for path in _modules(functions)
    }
    imported = {name: set(imports(path)) for name, path in paths.items()}
    outside = {name for name, of in imported.items() if OUTSIDE & {each.partition(".")[0] for each in of}}
    while more := {name for name, of in imported.items() if of & outside} - outside:
        outside |= more
    return {name: path for name, path in sorted(paths.items()) if name not in outside}


def _modules(functions: Path) -> Iterator[Path]:
    # A package itself is no rule: it has texts to read, or nothing.
    return (path for path in (functions / "latchkey").rglob("*.py") if path.name != "__init__.py")


def find_tests(names: Collection[str], tests: Path) -> list[Path]:
    """Find the modules of tests that import any of those modules."""
    return sorted(path for path in tests.glob("test_*.py") if set(names) & set(imports(path)))


def prepare(chosen: dict[str, Path]) -> None:
    """Lay out a tree that mutmut understands: the functions as `src`, the rest of the project as it is."""
    shutil.rmtree(WORKSPACE, ignore_errors=True)
    WORKSPACE.mkdir()
    shutil.copytree(ROOT / "functions", WORKSPACE / SOURCES)
    shutil.copytree(ROOT / "tests" / "unit", WORKSPACE / "tests" / "unit")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607  # wherever git is
    others = {line.partition("/")[0] for line in listed.splitlines()} - {"tests", "pyproject.toml", "uv.lock"}
    for name in others:
        (WORKSPACE / name).symlink_to(ROOT / name)
    sources = [f"{SOURCES}/{path.relative_to(ROOT / 'functions').as_posix()}" for path in chosen.values()]
    tests = [path.relative_to(ROOT).as_posix() for path in find_tests(chosen, ROOT / "tests" / "unit")]
    settings = {
        "source_paths": [SOURCES],
        "only_mutate": sources,
        "pytest_add_cli_args_test_selection": tests,
        "also_copy": sorted(others),
    }
    lines = ["[tool.pytest.ini_options]", 'addopts = ["--import-mode=importlib"]']
    lines += [f'pythonpath = ["{SOURCES}", "."]', "[tool.mutmut]"]
    # Strings and lists of strings read alike in JSON and TOML.
    lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (WORKSPACE / "pyproject.toml").write_text("\n".join(lines) + "\n")


def mutmut(*arguments: str, capture: bool = False) -> str:
    """Run mutmut in the workspace. Raises CalledProcessError."""
    uv = str(Path(sys.executable).with_name("uv"))
    done = subprocess.run(  # noqa: S603  # our own tool, and no shell
        [uv, "run", "--project", str(ROOT), "--frozen", "--no-sync", "--with", MUTMUT, "mutmut", *arguments],
        cwd=WORKSPACE,
        stdout=subprocess.PIPE if capture else None,
        text=True,
        check=True,
    )
    return done.stdout or ""


def main() -> None:
    """Mutate the rules that are named, or all, and show what survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="*", help="the rules' names or parts of them; none: all")
    wanted: list[str] = parser.parse_args().rules
    found = rules(ROOT / "functions")
    chosen = {
        name: path for name, path in found.items() if not wanted or any(each in name for each in wanted)
    }
    if not chosen:
        sys.exit(f"None of the rules is called so: {', '.join(found)}")
    prepare(chosen)
    mutmut("run")
    for line in mutmut("results", capture=True).splitlines():
        name, _, result = line.strip().partition(": ")
        shown = mutmut("show", name, capture=True) if result == "survived" else f"# {line.strip()}\n"
        sys.stdout.write(f"\n{shown}")


if __name__ == "__main__":
    main()
