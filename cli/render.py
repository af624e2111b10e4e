"""What commands print: JSON for programs, lines and tables for people, colours for terminals alone."""

from __future__ import annotations

import json
import sys
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from cli.findings import Finding, Kind


#: Wide enough for each line that goes to a pipe.
_PIPE_COLUMNS = 2000


def printable(text: str) -> str:
    """Return a text without what a terminal acts upon, or turns around; line breaks and tabs stay.

    Names and causes come from people who may start executions, from directories and mail servers.
    """
    return "".join(
        each if each in "\n\t" or unicodedata.category(each)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for each in text
    )


def write_json(value: object) -> None:
    """Print a value as JSON, in ASCII; times in ISO 8601."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def write_line(text: str, *, bad: bool = False) -> None:
    """Print a line."""
    _console().print(printable(text), style="red" if bad else None)


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; nothing where there are no rows."""
    # For those who print; --help and completion do not.
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # Rich would cut off what is too long for its column, such as the name of a role or an execution.
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    _console().print(table)


def write_findings(findings: Iterable[Finding]) -> None:
    """Print findings, each with its remedy and where to read on."""
    console = _console()
    for finding in findings:
        console.print(finding.name, style="bold" if finding.note else "bold red")
        console.print(printable(f"  {finding.sentence}"))
        console.print(printable(f"  Remedy: {finding.remedy}"), style="green")
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

    # A terminal wraps; a pipe wants each line whole, and each row of a table on one line.
    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    return Console(highlight=False, markup=False, emoji=False, width=width)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no form in JSON")
