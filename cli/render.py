"""What commands print: JSON for programs, lines and tables for people, colours for terminals alone."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from cli.findings import Finding, Kind


def write_json(value: object) -> None:
    """Print a value as JSON; times in ISO 8601."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def write_findings(findings: Iterable[Finding]) -> None:
    """Print findings, each with its remedy and where to read on."""
    console = _console()
    for finding in findings:
        console.print(finding.name, style="bold" if finding.note else "bold red")
        console.print(f"  {finding.sentence}")
        console.print(f"  Remedy: {finding.remedy}", style="green")
        console.print(f"  See {finding.see}", style="dim")


def write_kinds(kinds: Iterable[Kind]) -> None:
    """Print the kinds of findings."""
    console = _console()
    for kind in kinds:
        console.print(kind.name, style="bold")
        console.print(f"  {kind.remedy}")


def _console() -> Console:
    """Return a console on the present standard output; Rich itself heeds NO_COLOR and what is no terminal."""
    # For those who print; --help and completion do not.
    from rich.console import Console  # noqa: PLC0415

    # Lines are for the terminal to wrap: a pipe wants them whole.
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no form in JSON")
