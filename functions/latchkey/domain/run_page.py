"""The report of a run as one self-contained page: figures, expiries of the next days, who was missed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape

from latchkey.domain.accounts import Expiry
from latchkey.domain.reminders import Outcome, ReportRow

#: How many days ahead the chart looks.
CHART_DAYS = 60

#: More rows than that are in the spreadsheet alone.
MOST_ROWS = 500

#: Who has a password that expires and was not told.
MISSED = frozenset({Outcome.FAILED, Outcome.NOT_SENT, Outcome.WITHOUT_MAIL})

_BAR, _HEIGHT = 12, 160

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ max-width: 60rem; margin: 0 auto; padding: 2rem 1.5rem; font: 1rem/1.5 system-ui, sans-serif; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }}
td {{ overflow-wrap: anywhere; }}
.number {{ text-align: right; width: 6rem; }}
svg {{ width: 100%; height: auto; overflow: visible; }}
rect {{ fill: #17695c; }}
text {{ fill: currentColor; font-size: 10px; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{mode}. {headline}.</p>
{problems}
<h2>Outcomes</h2>
<table>{counts}</table>
<h2>Passwords that expire in the next {days} days</h2>
{chart}
<h2>Not reached</h2>
{missed}
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What the page shows: `expiries` are the passwords that expire on each of the next days."""

    day: date
    mode: str
    headline: str
    problems: Sequence[str]
    counts: Mapping[str, int]
    expiries: Sequence[int]


def page(figures: RunFigures, missed: Sequence[ReportRow], all_missed: int) -> str:
    """Return the page.

    Args:
        figures: what happened.
        missed: who was not reached, or the first of them.
        all_missed: how many that are in all.
    """
    return _PAGE.format(
        title=f"Password reminders of {figures.day.isoformat()}",
        mode=escape(figures.mode.capitalize()),
        headline=escape(figures.headline.capitalize()),
        problems=f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in figures.problems)}</ul>",
        counts="".join(
            f'<tr><td class="number">{number:,}</td><td>{escape(outcome)}</td></tr>'
            for outcome, number in sorted(figures.counts.items(), key=lambda each: -each[1])
        ),
        days=CHART_DAYS,
        chart=_chart(figures.day, figures.expiries),
        missed=_missed(missed, all_missed),
    )


def _chart(day: date, expiries: Sequence[int]) -> str:
    """Return a bar for each day as SVG; a week has its date below, each bar its figure as a tip."""
    most = max(expiries, default=0)
    bars = [
        f'<rect x="{number * _BAR}" y="{_HEIGHT - _tall(count, most)}" width="{_BAR - 2}" '
        f'height="{_tall(count, most)}"><title>{_after(day, number)}: {count:,}</title></rect>'
        for number, count in enumerate(expiries)
    ]
    dates = [
        f'<text x="{number * _BAR}" y="{_HEIGHT + 14}">{_after(day, number)}</text>'
        for number in range(0, len(expiries), 7)
    ]
    label = f"At most {most:,} on one day"
    return (
        f'<svg viewBox="0 -16 {CHART_DAYS * _BAR} {_HEIGHT + 36}" role="img" aria-label="{label}">'
        f'<text x="0" y="-4">{label}</text>{"".join(bars + dates)}</svg>'
    )


def _tall(count: int, most: int) -> int:
    return -(-count * _HEIGHT // most) if most else 0


def _after(day: date, days: int) -> str:
    return (day + timedelta(days)).isoformat()


def _missed(rows: Sequence[ReportRow], of: int) -> str:
    if not of:
        return "<p>Everyone was reached.</p>"
    head = "".join(f"<th>{each}</th>" for each in ("user", "mail", "expires at", "outcome", "reason"))
    more = f"<p>The first {len(rows):,} of {of:,}; all are in report.csv.</p>" if len(rows) < of else ""
    return f"{more}<table><tr>{head}</tr>{''.join(map(_row, rows))}</table>"


def _row(row: ReportRow) -> str:
    account = row.reminder.account
    expiry = account.expires_at
    at = expiry if isinstance(expiry, Expiry) else f"{expiry:%Y-%m-%d %H:%M} UTC"
    cells: Iterable[str] = (account.user, account.mail, at, row.outcome, row.reason)
    return f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in cells)}</tr>"
