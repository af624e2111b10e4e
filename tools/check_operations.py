"""Check that docs/operations.md says what to do about each alarm and each error that ends an execution."""

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.asl import all_states, mapping, read_definition, read_template

#: Errors below this one are answers of the API.
_ANSWERED: Final = "CallerError"

#: Other errors that end no execution, and why. A new class is either here or has a row.
ENDS_NOTHING: Final = {
    "ClaimNotReadyError": "only routes raise it: 503",
    "DeclinedError": "caught: the reset ends in Declined",
    "RequestRepeatedError": "caught: the reset ends in Rejected",
    "SupersededError": "caught: the reset ends in Superseded",
}

_ROW: Final = re.compile(r"^\|(?P<names>[^|]*)\|", re.MULTILINE)
_NAME: Final = re.compile(r"`(\w+Error)`")
_ALARM_HEADING: Final = re.compile(r"^## (\w+Alarm)$", re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    """Print the findings and return 1, or one line and 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path())
    root: Path = parser.parse_args(arguments).root
    findings = sorted(check(root))
    sys.stdout.writelines(f"docs/operations.md: {finding}\n" for finding in findings)
    if not findings:
        sys.stdout.write("docs/operations.md has a row for each error and a section for each alarm\n")
    return 1 if findings else 0


def check(root: Path) -> Iterator[str]:
    """Yield what is missing from the runbook below `root`, and what it has that is no longer there."""
    text = (root / "docs" / "operations.md").read_text("utf-8")
    rows = {name for row in _ROW.finditer(text) for name in _NAME.findall(row["names"])}
    known = errors_of(root / "functions" / "latchkey" / "errors.py")
    named = {name for path in (root / "statemachines").glob("*.asl.json") for name in failing_with(path)}
    yield from (f"no row for {name}" for name in (known | named) - ENDS_NOTHING.keys() - rows)
    yield from (f"a row for {name}, which ends no execution" for name in rows - known - named)
    yield from (f"{name} ends nothing, says tools/check_operations.py" for name in rows & ENDS_NOTHING.keys())
    yield from (f"there is no {name} any more to end nothing" for name in ENDS_NOTHING.keys() - known)
    alarms, sections = alarms_of(root / "template.yaml"), set(_ALARM_HEADING.findall(text))
    yield from (f"no section for {name}" for name in alarms - sections)
    yield from (f"a section for {name}, which the template has not" for name in sections - alarms)


def errors_of(module: Path) -> set[str]:
    """Return the names of a module's classes that can end an execution, and that no other derives from."""
    classes = [each for each in ast.parse(module.read_text("utf-8")).body if isinstance(each, ast.ClassDef)]
    bases = {each.name: {ast.unparse(base) for base in each.bases} for each in classes}
    answered = {name for name, its in bases.items() if _ANSWERED in its}
    return bases.keys() - set().union(*bases.values()) - answered


def failing_with(definition: Path) -> set[str]:
    """Return the errors of ours that a definition's Fail states name themselves."""
    errors = (str(state.get("Error", "")) for _, state in all_states(read_definition(definition)))
    return {error for error in errors if re.fullmatch(r"\w+Error", error)}


def alarms_of(template: Path) -> set[str]:
    """Return the names of a template's alarms."""
    resources = mapping(read_template(template).get("Resources"))
    return {name for name, each in resources.items() if mapping(each).get("Type") == "AWS::CloudWatch::Alarm"}


if __name__ == "__main__":
    sys.exit(main())
