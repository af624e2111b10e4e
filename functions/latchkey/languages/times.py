"""Moments and durations as people read them, by the patterns in a language's `formats.json`."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from latchkey import languages
from latchkey.languages.text import fill, one_line


@dataclass(frozen=True, slots=True)
class InDays:
    """So many whole days from now: `in 7 days`, and `in less than a day` for none."""

    days: int


@dataclass(frozen=True, slots=True)
class Hours:
    """So long: `24 hours`."""

    hours: int


@dataclass(frozen=True, slots=True)
class Each:
    """A line for each name, with the days until something happens: `Alice: in 3 days`."""

    lines: tuple[tuple[str, InDays], ...]


type Value = str | datetime | InDays | Hours | Each
"""What can be filled in."""


def in_words(value: Value, language: str, zone: tzinfo) -> str:
    """Return a value as people read it; a moment in their zone, with UTC beside it."""
    formats = languages.formats(language)
    match value:
        case str():
            return one_line(value)
        case InDays(0):
            return languages.words(language)["time.less_than_a_day"]
        case InDays(days):
            return _counted(formats["in_days"], days)
        case Hours(hours):
            return _counted(formats["hours"], hours)
        case Each(lines):
            return "\n".join(f"{one_line(name)}: {in_words(days, language, zone)}" for name, days in lines)
        case datetime():
            return _moment(value, formats, languages.words(language), zone)


def _counted(forms: list[list[Any]], number: int) -> str:
    """Return the form for a number: each form serves from its own number to the next one's."""
    _, form = forms[bisect_right(forms, number, key=lambda form: form[0]) - 1]
    return str(form).replace("{}", str(number))


def _moment(moment: datetime, formats: dict[str, Any], words: dict[str, str], zone: tzinfo) -> str:
    universal, local = moment.astimezone(UTC), moment.astimezone(zone)
    date = formats["date"].format(
        weekday=formats["weekdays"][local.weekday()],
        day=local.day,
        month=formats["months"][local.month - 1],
        month_number=local.month,
        year=local.year,
    )
    here = formats["date_time"].format(date=date, time=f"{local:%H:%M}")
    if str(zone) == "UTC":
        return fill(words["time.universal"], {"moment": here})
    there = f"{universal:%H:%M}"
    if universal.date() != local.date():
        there = formats["date_time"].format(date=formats["weekdays"][universal.weekday()], time=there)
    return fill(words["time.local"], {"moment": here, "zone": str(zone), "universal": there})
