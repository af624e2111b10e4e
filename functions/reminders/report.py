"""Report: tells the administrator what a run did, in short by mail and in full in a file."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import TypedDict

from latchkey import emails
from latchkey.adapters import s3, ses
from latchkey.domain.accounts import Expiry
from latchkey.domain.reminders import Outcome, Reminder, ReportRow
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
    counts: Counter[str] = Counter(s3.read_json(f"{folder}/counts.json"))
    reasons: Counter[str] = Counter()
    key = f"{folder}/report.csv"
    found = counted(rows(folder, event["mode"]), event["mode"], counts, reasons)
    s3.write(key, as_csv(found), "text/csv; charset=utf-8")
    # Here and not where they are sent: a retry of a batch would count its mails again.
    count("Reminded", counts[Outcome.MAILED])
    if not event["mode"]:
        count("RemindersReported")
    problems = problems_of(event, reasons)
    result: Result = {
        "report": f"s3://{os.environ['REMINDER_RUNS_BUCKET']}/{key}",
        "counts": counts,
        "problems": problems,
    }
    if os.environ["ADMIN_ADDRESS"]:
        ses.send(
            emails.render_report(words(event, result)),
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
            due = (Reminder.from_json(line) for line in s3.read_lines(batch))
            outcome = Outcome.DUE if mode == "dry-run" else Outcome.NOT_SENT
            reason = "" if mode == "dry-run" else "the run ended before"
            yield from (ReportRow(each, outcome, reason) for each in due)
    yield from (ReportRow.from_json(line) for line in s3.read_lines(f"{folder}/others.jsonl"))


def counted(
    found: Iterator[ReportRow], mode: str, counts: Counter[str], reasons: Counter[str]
) -> Iterator[ReportRow]:
    """Yield the rows, and count outcomes and the reasons of failures that hit more than one mail."""
    for row in found:
        counts[row.outcome.value] += 1
        if is_problem(row, mode):
            reasons[f"{row.outcome}: {row.reason}"] += 1
        yield row


def is_problem(row: ReportRow, mode: str) -> bool:
    """Tell whether an operator has to look at a row.

    A refused recipient concerns that user alone in a real run; in a test run it is the administrator.
    """
    if row.reminder.account.expires_at is Expiry.UNKNOWN:
        return True
    if row.outcome is Outcome.NOT_SENT:
        return row.reason != TEST_IS_FULL
    return mode == "test" and row.outcome is Outcome.FAILED


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
    "": "real",
    "dry-run": "a dry run: no mail was sent",
    "test": "a test run: only the administrator was mailed",
}


def words(event: Event, result: Result) -> dict[str, str]:
    """Return what the report's mail says."""
    day = (
        datetime.fromisoformat(event["moment"]).astimezone(time_zone(os.environ["REMINDER_TIME_ZONE"])).date()
    )
    counts, problems = result["counts"], result["problems"]
    listed = [f"{counts.get(outcome, 0):>8}  {outcome}" for outcome in Outcome if counts.get(outcome)]
    return {
        "day": day.isoformat(),
        "mode": _MODES[event["mode"]],
        "headline": "something is wrong" if problems else f"{counts.get(Outcome.MAILED, 0)} mailed",
        "counts": "\n".join(listed) or "The lists are empty.",
        "problems": "\n".join(["What went wrong:", *problems]) if problems else "Nothing went wrong.",
        "report": result["report"],
    }
