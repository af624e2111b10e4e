"""Write what the CLDR says of dates and numbers into each language's `formats.json`; `--check` compares.

Babel brings the CLDR. It is no part of a function: loading a locale takes as long as half of a start.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from babel import Locale
from babel.dates import format_timedelta
from babel.units import format_unit

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTIONS = Path(__file__).parents[1] / "functions"

#: English as most of the world writes dates, the day first.
_LOCALES = {"en": "en-001"}

#: Days of NotifyDays and hours of ClaimedTtlHours have three digits at most.
_NUMBERS = range(1000)

#: https://www.unicode.org/reports/tr35/tr35-dates.html#Date_Field_Symbol_Table
_FIELDS = {"EEEE": "{weekday}", "MMMM": "{month}", "M": "{month_number}", "d": "{day}", "y": "{year}"}
_PATTERN = re.compile(r"'([^']*)'|([A-Za-z]+)|([^A-Za-z']+)")


def formats(locale: Locale) -> dict[str, object]:
    """Return what `latchkey.languages.times` reads."""
    moment = str(locale.datetime_formats["medium"])
    return {
        "direction": locale.text_direction,
        "date": date_pattern(locale.date_formats["full"].pattern),
        "date_time": moment.replace("{1}", "{date}").replace("{0}", "{time}"),
        "weekdays": [locale.days["format"]["wide"][day] for day in range(7)],
        "months": [locale.months["format"]["wide"][month] for month in range(1, 13)],
        "in_days": forms(lambda days: in_days(days, locale)),
        "hours": forms(lambda hours: in_hours(hours, locale)),
    }


def date_pattern(pattern: str) -> str:
    """Return a pattern of the CLDR for `str.format`. Raises KeyError for a field that is not known here."""
    return "".join(
        quoted or (_FIELDS[field] if field else other) for quoted, field, other in _PATTERN.findall(pattern)
    )


def in_days(days: int, locale: Locale) -> str:
    """Return a number of days from now in words, however many."""
    return format_timedelta(
        timedelta(days=days), granularity="day", threshold=max(_NUMBERS), add_direction=True, locale=locale
    )


def in_hours(hours: int, locale: Locale) -> str:
    """Return a number of hours in words; languages that have one form have it as the short one."""
    long = format_unit(hours, "duration-hour", "long", locale=locale)
    return format_unit(hours, "duration-hour", "short", locale=locale) if "duration" in long else long


def forms(write: Callable[[int], str]) -> list[tuple[int, str]]:
    """Return each form with the first number it serves, up to the next form's; `{}` is the number."""
    found: list[tuple[int, str]] = []
    for number in _NUMBERS:
        form = write(number).replace(str(number), "{}")
        if not found or found[-1][1] != form:
            found.append((number, form))
    return found


def written(locale: Locale) -> str:
    """Return the text of a language's `formats.json`."""
    lines = (f'  "{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in formats(locale).items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def languages(functions: Path) -> dict[str, Path]:
    """Return the folder of each language: ours, and those that only the overlay has."""
    folders = (functions / "overlay", functions / "latchkey" / "languages")
    return {path.parent.name: path.parent for folder in folders for path in folder.glob("*/words.json")}


def main(functions: Path, *, check: bool) -> int:
    """Write each language's file, or name those that are not as the CLDR has it; return how many."""
    wrong = []
    for tag, folder in sorted(languages(functions).items()):
        file, text = folder / "formats.json", written(Locale.parse(_LOCALES.get(tag, tag), "-"))
        if not check:
            file.write_text(text, "utf-8")
        elif not file.exists() or file.read_text("utf-8") != text:
            wrong.append(f"{file} is not what the CLDR says: run `make formats`.\n")
    sys.stderr.writelines(wrong)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main(FUNCTIONS, check="--check" in sys.argv))
