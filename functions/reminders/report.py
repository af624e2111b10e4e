"""Report: tells the administrator what a run did, in short by mail and in full in a file."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from io import StringIO
from typing import TypedDict

from latchkey import emails, settings
from latchkey.adapters import s3, ses
from latchkey.domain.accounts import Expiry
from latchkey.domain.manager_summary import read_mail
from latchkey.domain.reminders import Outcome, ReportRow
from latchkey.domain.run_page import MISSED, MOST_ROWS, RunFigures, page
from latchkey.domain.run_report import COLUMNS, TEST_IS_FULL, cells
from latchkey.domain.time_zones import time_zone
from latchkey.handler import task_handler
from latchkey.observability import count


class Failure(TypedDict):
    """An error that Step Functions caught."""

    Error: str
    Cause: str


class Source(TypedDict, total=False):
    source: str
    failure: Failure


class Event(TypedDict):
    execution: str
    moment: str
    mode: str
    sources: list[Source]
    failures: list[Failure]


class Result(TypedDict):
    report: str
    counts: dict[str, int]
    problems: list[str]


@task_handler
def handler(event: Event, _context: object) -> Result:
    folder = s3.folder(event["execution"])
    planned = s3.read_json(f"{folder}/counts.json")
    tally = Tally(event["mode"], Counter(planned["outcomes"]))
    key = f"{folder}/report.csv"
    s3.write(key, as_csv(tally.each(rows(folder, event["mode"]))), "text/csv; charset=utf-8")
    counts = tally.counts
    # Here and not where they are sent: a retry of a batch would count its mails again.
    count("Reminded", counts[Outcome.MAILED])
    if not event["mode"]:
        count("RemindersReported")
    problems = problems_of(event, tally.reasons)
    result: Result = {
        "report": f"s3://{os.environ['REMINDER_RUNS_BUCKET']}/{key}",
        "counts": counts,
        "problems": problems,
    }
    figures = RunFigures(
        day_of(event), _MODES[event["mode"]], headline(result), problems, counts, planned["expiries"]
    )
    html = page(figures, tally.missed, tally.all_missed)
    s3.write(f"{folder}/report.html", [html.encode(errors="backslashreplace")], "text/html; charset=utf-8")
    if os.environ["ADMIN_ADDRESS"]:
        ses.send(
            emails.render_report(words(event, result), settings.style()),
            os.environ["SENDER_ADDRESS"],
            os.environ["ADMIN_ADDRESS"],
        )
    return result


def rows(folder: str, mode: str) -> Iterator[ReportRow]:
    """Yield the rows of the report: users a sender dealt with, users none did, and users not due."""
    done = set(s3.keys_below(f"{folder}/results/"))
    for batch in s3.keys_below(f"{folder}/batches/"):
        if s3.result_key(batch) in done:
            yield from (ReportRow.from_json(line) for line in s3.read_lines(s3.result_key(batch)))
        else:
            due = (read_mail(line) for line in s3.read_lines(batch))
            outcome = Outcome.DUE if mode == "dry-run" else Outcome.NOT_SENT
            reason = "" if mode == "dry-run" else "the run ended before"
            yield from (each.row(outcome, reason) for each in due)
    yield from (ReportRow.from_json(line) for line in s3.read_lines(f"{folder}/others.jsonl"))


@dataclass
class Tally:
    """What the rows of a report add up to: outcomes, reasons of failures, and who was not reached."""

    mode: str
    counts: Counter[str]
    reasons: Counter[str] = field(default_factory=Counter)
    missed: list[ReportRow] = field(default_factory=list)
    all_missed: int = 0

    def each(self, found: Iterator[ReportRow]) -> Iterator[ReportRow]:
        """Yield the rows, and count them."""
        for row in found:
            self.counts[row.outcome.value] += 1
            if is_problem(row, self.mode):
                self.reasons[f"{row.outcome}: {row.reason}"] += 1
            if row.outcome in MISSED:
                self.all_missed += 1
                self.missed += [row][: MOST_ROWS - len(self.missed)]
            yield row


def is_problem(row: ReportRow, mode: str) -> bool:
    """Tell whether an operator has to look at a row.

    A refused recipient concerns that user alone in a real run; in a test run it is the administrator.
    """
    if row.outcome is Outcome.FAILED:
        return mode == "test" or row.reminder.account.expires_at is Expiry.UNKNOWN
    return row.outcome is Outcome.NOT_SENT and row.reason != TEST_IS_FULL


def as_csv(found: Iterator[ReportRow]) -> Iterator[bytes]:
    """Yield the lines of the file, its head first."""
    line = StringIO()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    for row in found:
        writer.writerow(cells(row))
        yield line.getvalue().encode(errors="backslashreplace")
        line.seek(0)
        line.truncate()
    yield line.getvalue().encode()


#: More would not fit into a state's output and cause, should each batch fail for its own reason.
_MOST_REASONS = 20


def problems_of(event: Event, reasons: Counter[str]) -> list[str]:
    """Return what an operator has to look at, in sentences."""
    found = [
        f"{source['source']}: {sentence(source['failure'])}"
        for source in event["sources"]
        if "failure" in source
    ]
    found += [f"{number} {reason}" for reason, number in reasons.most_common(_MOST_REASONS)]
    if len(reasons) > _MOST_REASONS:
        found.append(f"{len(reasons) - _MOST_REASONS} other reasons, see the report")
    # What a sender noted itself is already among the reasons, after the outcome.
    noted = {reason.partition(": ")[2] for reason in reasons}
    found += [said for said in map(sentence, event["failures"]) if said not in noted]
    return found


def sentence(failure: Failure) -> str:
    """Return what a function said when it failed; its cause is JSON."""
    try:
        message = json.loads(failure["Cause"])["errorMessage"]
    except (ValueError, KeyError, TypeError):
        message = failure.get("Cause", "")
    return f"{failure['Error']}: {message}".removesuffix(": ")


_MODES = {
    "": "a real run",
    "dry-run": "a dry run: no mail was sent",
    "test": "a test run: only the administrator was mailed",
}


def day_of(event: Event) -> date:
    """Return the day of a run, where the reminders go out."""
    at = datetime.fromisoformat(event["moment"])
    return at.astimezone(time_zone(os.environ["REMINDER_TIME_ZONE"])).date()


def headline(result: Result) -> str:
    """Return what a run did, in two words."""
    return "something is wrong" if result["problems"] else f"{result['counts'].get(Outcome.MAILED, 0)} mailed"


def words(event: Event, result: Result) -> dict[str, str]:
    """Return what the report's mail says."""
    counts, problems = result["counts"], result["problems"]
    listed = [f"{counts.get(outcome, 0):>8}  {outcome}" for outcome in Outcome if counts.get(outcome)]
    return {
        "day": day_of(event).isoformat(),
        "mode": _MODES[event["mode"]],
        "headline": headline(result),
        "counts": "\n".join(listed) or "The lists are empty.",
        "problems": "\n".join(["What went wrong:", *problems]) if problems else "Nothing went wrong.",
        "report": result["report"],
        "page": result["report"].replace(".csv", ".html"),
    }
