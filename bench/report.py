"""The figures as tables, in the terminal and between the marks of docs/performance.md."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.quota import SOON, highest_held
from tools.draw_statemachines import marked, redraw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "bench" / "results.json"
DOCUMENT: Final = ROOT / "docs" / "performance.md"

#: What the figures should reach.
MOST_START_RATIO: Final = 1.10
MOST_CLAIM_RATIOS: Final = {"1": 1.05, "8": 1.5, "32": 1.5}
MOST_CPU_SECONDS: Final = 0.150
MOST_TRANSITIONS: Final = 10
MOST_READS: Final = 4
LEAST_SUSTAINED: Final = 2.5
MOST_USD_PER_1000: Final = 0.60

_NO_DIRECTORY: Final = "Not measured: the machine had no Samba (`make setup`)."


class MissingMarksError(RuntimeError):
    """When the document has no place for a table; the message names it."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table that reads well as text too: columns stand below each other, numbers right."""
    cells = [list(head), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    numbers = [all(_is_number(row[column]) for row in cells[1:]) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * (width - 1) + ":" if number else "-" * width
        for width, number in zip(widths, numbers, strict=True)
    ]
    return "\n".join([line(cells[0]), f"| {' | '.join(rule)} |", *map(line, cells[1:])])


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or not cell


def milliseconds(seconds: float) -> str:
    """Write seconds as milliseconds."""
    return f"{seconds * 1000:,.0f}"


def usd(amount: float) -> str:
    """Write dollars to a tenth of a cent."""
    return f"{amount:.3f}"


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return each table by the name of its place in the document."""
    return {
        "where": _where(results),
        "summary": _summary(results),
        "cold-starts": _cold_starts(results["cold_starts"]),
        "imports": _imports(results["cold_starts"]),
        "resets": _resets(results["resets"]),
        "handlers": _handlers(results),
        "cost": _cost(results["cost"]),
        "ttl": _ttl(results["cost"]),
        "memory": _memory(results["memory"]),
        "open": _open(results["resets"]),
        "sustained": _sustained(results["sustained"]),
        "directory-resets": _directory_resets(results["reminders"]),
        "reminders": _reminders(results["reminders"]),
        "reminder-functions": _reminder_functions(results),
        "quotas": _quotas(
            json.loads((ROOT / "bench" / "quotas.json").read_text())["quotas"], results["cost"]["claimed"]
        ),
    }


def _where(results: dict[str, Any]) -> str:
    machine = results["machine"]
    return (
        f"Measured {results['at']} in {results['took_seconds'] / 60:.0f} minutes on {machine['processors']} "
        f"processors ({machine['kind']}), Python {machine['python']}, commit {results['commit']}; "
        f"load before: {machine['load']:.1f}."
    )


def _summary(results: dict[str, Any]) -> str:
    starts = [each for each in results["cold_starts"] if each["clients"]]
    worst = max(starts, key=lambda each: float(each["ratio"]))
    claimed, claims, calls = results["cost"]["claimed"], results["resets"]["claims"], Counter[str]()
    calls.update({name: number for name, number in claimed["calls"].items() if name.startswith("ssm:")})
    at_most = [
        (f"start of a function, the worst ({worst['function']}), to the bare import and its clients",
         worst["ratio"], MOST_START_RATIO, "{:.2f}"),
        *(("`POST /extract` warm, p50, to the baseline's, " + f"{at_once} at a time",
           claims[at_once]["ratio"], most, "{:.2f}") for at_once, most in MOST_CLAIM_RATIOS.items()),
        ("a reset's own handlers, ms of a processor", 1000 * handlers_seconds(results["resets"]),
         1000 * MOST_CPU_SECONDS, "{:.0f}"),
        ("state transitions of a claimed reset", claimed["transitions"], MOST_TRANSITIONS, "{:.0f}"),
        ("its puts into SSM", calls.pop("ssm:PutParameter"), 1, "{:.0f}"),
        ("its deletions from SSM", calls.pop("ssm:DeleteParameter"), 1, "{:.0f}"),
        ("its other calls of SSM", calls.total(), MOST_READS, "{:.0f}"),
        ("USD per 1,000 resets claimed within an hour", claimed["total"], MOST_USD_PER_1000, "{:.3f}"),
    ]  # fmt: skip
    sustained = highest_held(results["sustained"])
    rows = [
        [what, form.format(value), f"at most {form.format(most)}", "yes" if value <= most else "no"]
        for what, value, most, form in at_most
    ]
    rows.append(
        [
            "resets a second, sustained where SSM takes three puts",
            f"{sustained:.1f}",
            f"at least {LEAST_SUSTAINED:.1f}",
            "yes" if sustained >= LEAST_SUSTAINED else "no",
        ]
    )
    return table(["figure", "is", "wanted", ""], rows)


def handlers_seconds(resets: dict[str, Any]) -> float:
    """Add up what the product's functions need of a processor for one reset."""
    return sum(
        float(seconds) for name, seconds in resets["cpu_seconds"].items() if name != "BaselineFunction"
    )


def _cold_starts(starts: list[dict[str, Any]]) -> str:
    return table(
        [
            "function",
            "clients",
            "start ms",
            "bare ms",
            "ratio",
            "without bytecode ms",
            "peak MiB",
            "memory MB",
        ],
        [
            [
                each["function"].removesuffix("Function"),
                ", ".join(each["clients"]) or "none",
                milliseconds(each["seconds"]),
                milliseconds(each["bare_seconds"]),
                f"{each['ratio']:.2f}",
                milliseconds(each["without_bytecode_seconds"]),
                f"{each['peak_mib']:.0f}",
                str(each["memory_mb"]),
            ]
            for each in starts
        ],
    )


def _imports(starts: list[dict[str, Any]]) -> str:
    return table(
        ["function", "most expensive packages, ms of their own code"],
        [
            [
                each["function"].removesuffix("Function"),
                ", ".join(
                    f"{package} {milliseconds(seconds)}" for package, seconds in each["imports"].items()
                ),
            ]
            for each in starts
        ],
    )


def _resets(resets: dict[str, Any]) -> str:
    rows = []
    for kind, what in (("requests", "`POST /generate` to mail"), ("claims", "`POST /extract`")):
        for at_once, found in resets[kind].items():
            figures = [milliseconds(found[name]) for name in ("p50", "p99", "baseline_p50", "baseline_p99")]
            rows.append([what, at_once, *figures, f"{found['ratio']:.2f}", str(found["samples"])])
    return table(
        ["what", "at a time", "p50 ms", "p99 ms", "baseline p50", "baseline p99", "ratio", "samples"], rows
    )


def _handlers(results: dict[str, Any]) -> str:
    resets = results["resets"]
    return table(
        ["function", "processor ms a reset", "peak MiB, warm"],
        [
            [name.removesuffix("Function"), f"{seconds * 1000:.1f}", f"{resets['peak_mib'][name]:.0f}"]
            for name, seconds in resets["cpu_seconds"].items()
            if seconds
        ],
    )


def _cost(cost: dict[str, Any]) -> str:
    kinds = ["claimed", "expired", "baseline"]
    names = list(dict.fromkeys(name for kind in kinds for name in cost[kind]["usd_per_1000"]))
    rows = [[name, *(usd(cost[kind]["usd_per_1000"].get(name, 0)) for kind in kinds)] for name in names]
    rows.append(["**sum**", *(usd(cost[kind]["total"]) for kind in kinds)])
    rows.append(["transitions", *(str(cost[kind]["transitions"]) for kind in kinds)])
    rows.append(["invocations", *(str(cost[kind]["invocations"]) for kind in kinds)])
    rows.append(["AWS calls", *(str(sum(cost[kind]["calls"].values())) for kind in kinds)])
    return table(["USD per 1,000", *kinds], rows)


def _ttl(cost: dict[str, Any]) -> str:
    return table(
        ["`ClaimTtlMinutes`", "USD per 1,000 expired"],
        [[minutes, usd(amount)] for minutes, amount in cost["expired_by_ttl"].items()],
    )


def _memory(choices: list[dict[str, float]]) -> str:
    return table(
        ["memory MB", "a warm claim ms", "all handlers of a reset ms", "Lambda USD per 1,000"],
        [
            [
                f"{each['memory_mb']:.0f}",
                milliseconds(each["claim_seconds"]),
                milliseconds(each["reset_seconds"]),
                usd(each["usd_per_1000"]),
            ]
            for each in choices
        ],
    )


def _open(resets: dict[str, Any]) -> str:
    return table(
        ["open resets", "`POST /generate` to mail ms", "`POST /extract` ms"],
        [
            [number, milliseconds(found["request"]), milliseconds(found["claim"])]
            for number, found in resets["open"].items()
        ],
    )


def _sustained(found: list[dict[str, Any]]) -> str:
    return table(
        [
            "asked a second",
            "asked",
            f"mailed within {SOON} s",
            "queue",
            "puts refused",
            "mailed once",
            "opened",
            "slowest s",
        ],
        [
            [
                f"{each['rate']:.1f}",
                str(each["asked"]),
                f"{each['soon']:.0%}",
                *(str(each[name]) for name in ("queue", "refused", "mailed_once", "opened")),
                f"{each['slowest']:.1f}",
            ]
            for each in found
        ],
    )


def _directory_resets(reminders: dict[str, Any] | None) -> str:
    if reminders is None:
        return _NO_DIRECTORY
    found = reminders["directory_resets"]
    return table(
        ["what", "directory ms", "IAM ms", "ratio", "samples"],
        [
            [
                "start to mail, p50",
                milliseconds(found["directory"]),
                milliseconds(found["iam"]),
                f"{found['ratio']:.2f}",
                str(found["samples"]),
            ]
        ],
    )


def _reminders(found: dict[str, Any] | None) -> str:
    if found is None:
        return _NO_DIRECTORY
    states = found["state_seconds"]
    planning = states["PlanReminders"] / found["listed"] * 10_000
    return table(
        ["figure", "is"],
        [
            ["people in the directory", f"{found['people']:,}"],
            ["on the list: enabled, with a password", f"{found['listed']:,}"],
            ["listing, seconds per 10,000", f"{found['listing_seconds_per_10000']:.1f}"],
            ["peak memory of the lister, MiB", f"{found['lister_megabytes']:.0f}"],
            ["planning, seconds per 10,000", f"{planning:.1f}"],
            ["mailed", f"{found['counts'].get('mailed', 0):,}"],
            ["mails a second", f"{found['mails_per_second']:.0f}"],
            ["the same with a connection for each mail", f"{found['one_connection_each_per_second']:.0f}"],
        ],
    )


def _reminder_functions(results: dict[str, Any]) -> str:
    found = results["reminders"]
    if found is None:
        return _NO_DIRECTORY
    memory = {each["function"]: each["memory_mb"] for each in results["cold_starts"]}
    return table(
        ["function", "processor s per 10,000 people", "peak MiB", "memory MB"],
        [
            [
                name.removesuffix("Function"),
                f"{used['cpu_seconds'] / found['people'] * 10_000:.1f}",
                f"{used['peak_mib']:.0f}",
                f"{memory[name]}",
            ]
            for name, used in found["functions"].items()
        ],
    )


def _quotas(quotas: list[dict[str, Any]], claimed: dict[str, Any]) -> str:
    counted = {**claimed["amounts"], **claimed["calls"]}
    rows = []
    for each in quotas:
        needs = sum(counted.get(name, 0) for name in each["counts"]) if "counts" in each else 1
        rows.append(
            [
                f"[{each['part']}]({each['source']})",
                f"{each['limit']:,} {each['unit']}",
                f"{needs:.0f}",
                f"{each['limit'] / needs:,.1f} {each['unit']}",
                each["ends"] + (f". More: {each['raise']}" if each["raise"] else ""),
            ]
        )
    return table(["part", "default quota", "a reset needs", "resets", "what happens there"], rows)


def draw(document: str, drawn: dict[str, str]) -> str:
    """Put each table between its marks, `bench-NAME:begin` and `bench-NAME:end`.

    Raises MissingMarksError when one has no place.
    """
    blocks = {f"bench-{name}": each for name, each in drawn.items()}
    missing = blocks.keys() - marked(document)
    if missing:
        raise MissingMarksError(f"The document has no marks for {', '.join(sorted(missing))}.")
    return redraw(document, blocks)


def text(results: dict[str, Any]) -> str:
    """Return all tables for the terminal, but the quotas, which are not measured."""
    return "\n\n".join(drawn for name, drawn in tables(results).items() if name != "quotas")


def main() -> None:
    """Write the tables of the last run into the document."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=main.__doc__)
    parser.parse_args()
    if not RESULTS.exists():
        sys.exit("There are no figures yet: make bench")
    results = json.loads(RESULTS.read_text())
    DOCUMENT.write_text(draw(DOCUMENT.read_text(encoding="utf-8"), tables(results)), encoding="utf-8")


if __name__ == "__main__":
    main()
