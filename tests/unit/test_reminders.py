"""When a password is due, and what happens to all others."""

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from io import StringIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from dateutil.zoneinfo import get_zonefile_instance
from hypothesis import example, given
from hypothesis import strategies as st

from latchkey.domain.reminders import (
    COLUMNS,
    Account,
    Expiry,
    Outcome,
    Reminder,
    ReportRow,
    RunWindow,
    classify,
    notify_days,
    read_ticks,
    time_zone,
)

DAY = timedelta(days=1)
DAYS = (15, 7, 1)
BERLIN, LOS_ANGELES, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Los_Angeles"), ZoneInfo("UTC")
BUNDLED_BERLIN = get_zonefile_instance().get("Europe/Berlin")
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
MOMENT = RunWindow.of(NOW, UTC_ZONE)
ALICE = Account("directory", "1", "alice", NOW + 7 * DAY, mail="alice@example.com")


def local_runs(first: datetime, number: int, zone: tzinfo) -> list[RunWindow]:
    """Return the moments of a daily run at the same local time."""
    return [RunWindow.of((first + day * DAY).replace(tzinfo=zone), zone) for day in range(number)]


@pytest.mark.parametrize(
    ("left", "outcome"),
    [
        (timedelta(days=15), Outcome.DUE),
        (timedelta(days=16) - timedelta(seconds=1), Outcome.DUE),
        (timedelta(days=16), Outcome.NOT_DUE),
        (timedelta(days=15) - timedelta(seconds=1), Outcome.NOT_DUE),
        (timedelta(days=7, hours=12), Outcome.DUE),
        (timedelta(days=2) - timedelta(seconds=1), Outcome.DUE),
        (timedelta(days=1), Outcome.DUE),
        (timedelta(days=1) - timedelta(seconds=1), Outcome.NOT_DUE),
        (timedelta(seconds=1), Outcome.NOT_DUE),
        (timedelta(0), Outcome.EXPIRED),
        (timedelta(days=-400), Outcome.EXPIRED),
    ],
)
def test_whole_days_decide(left: timedelta, outcome: Outcome) -> None:
    assert classify(replace(ALICE, expires_at=NOW + left), MOMENT, DAYS)[0] is outcome


def test_due_accounts_are_told_for_how_many_days() -> None:
    assert classify(ALICE, MOMENT, DAYS) == (Outcome.DUE, 7)


@pytest.mark.parametrize(
    "account",
    [
        replace(ALICE, excluded=True),
        replace(ALICE, expires_at=Expiry.NEVER),
        replace(ALICE, expires_at=NOW),
        replace(ALICE, expires_at=NOW + 8 * DAY),
    ],
    ids=lambda account: classify(account, MOMENT, DAYS)[0].value,
)
def test_users_who_are_not_due_have_no_days_in_the_report(account: Account) -> None:
    outcome, days = classify(account, MOMENT, DAYS)
    row = ReportRow(Reminder(account, days), outcome)
    assert dict(zip(COLUMNS, row.cells(), strict=True))["days ahead"] == ""


@pytest.mark.parametrize(
    ("account", "outcome"),
    [
        (replace(ALICE, mail=""), Outcome.WITHOUT_MAIL),
        (replace(ALICE, excluded=True), Outcome.EXCLUDED),
        (replace(ALICE, excluded=True, expires_at=Expiry.NEVER), Outcome.EXCLUDED),
        (replace(ALICE, expires_at=Expiry.NEVER), Outcome.NEVER_EXPIRES),
        (replace(ALICE, expires_at=Expiry.MUST_CHANGE), Outcome.MUST_CHANGE),
        (replace(ALICE, expires_at=Expiry.UNKNOWN), Outcome.FAILED),
        (replace(ALICE, mail="", expires_at=NOW + 8 * DAY), Outcome.NOT_DUE),
    ],
)
def test_everybody_else_has_a_reason(account: Account, outcome: Outcome) -> None:
    assert classify(account, MOMENT, DAYS)[0] is outcome


@given(
    first=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001  # local time
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Apia"]),
    hour=st.integers(4, 23),
    ahead=st.integers(1, 400),
    seconds=st.integers(0, 3 * 24 * 3600 - 1),
)
def test_each_expiry_is_due_in_exactly_one_daily_run(
    first: datetime, zone: str, hour: int, ahead: int, seconds: int
) -> None:
    runs = local_runs(first.replace(hour=hour), 5, ZoneInfo(zone))
    expires_at = runs[0].at + timedelta(days=ahead, seconds=seconds)
    assert sum(run.is_due(expires_at, ahead) for run in runs) == 1


@pytest.mark.parametrize("zone", [BERLIN, LOS_ANGELES, ZoneInfo("Australia/Lord_Howe"), BUNDLED_BERLIN])
def test_no_day_of_a_year_is_left_out_or_doubled(zone: tzinfo) -> None:
    ahead = 7
    runs = local_runs(datetime(2026, 1, 1, 23), 370, zone)  # noqa: DTZ001  # local time
    halves = (runs[-1].at - runs[0].at) // timedelta(minutes=30)
    expiries = [runs[0].at + ahead * DAY + number * timedelta(minutes=30) for number in range(halves)]
    due = [0] * len(expiries)
    for number, run in enumerate(runs):
        # Only those near: the others are days away from the window.
        first = max(0, number * 48 - 200)
        for place in range(first, min(len(expiries), first + 448)):
            due[place] += run.is_due(expiries[place], ahead)
    assert set(due) == {1}


def test_without_a_time_zone_database_the_bundled_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> tzinfo:
        raise ZoneInfoNotFoundError(name)

    assert time_zone("Europe/Berlin") == BERLIN
    monkeypatch.setattr("latchkey.domain.reminders.ZoneInfo", nothing)
    assert time_zone("Europe/Berlin") == BUNDLED_BERLIN
    with pytest.raises(ZoneInfoNotFoundError):
        time_zone("Europe/Nowhere")


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (datetime(2026, 3, 28, 6), 23),  # noqa: DTZ001  # local time
        (datetime(2026, 10, 24, 6), 25),  # noqa: DTZ001
        (datetime(2028, 2, 28, 6), 24),  # noqa: DTZ001
    ],
    ids=["clocks go forward", "clocks go back", "leap day"],
)
def test_a_run_counts_until_the_next(day: datetime, hours: int) -> None:
    today, tomorrow = local_runs(day, 2, BERLIN)
    assert today.until == tomorrow.at
    assert today.until - today.at == timedelta(hours=hours)


def test_a_run_late_at_night_far_from_utc_counts_from_its_own_time() -> None:
    moment = RunWindow.of(datetime(2026, 11, 1, 23, 30, tzinfo=LOS_ANGELES), LOS_ANGELES)
    assert moment.at == datetime(2026, 11, 2, 7, 30, tzinfo=UTC)
    assert moment.days_left(datetime(2026, 11, 3, 8, tzinfo=UTC)) == 1
    assert moment.is_due(datetime(2026, 11, 3, 8, tzinfo=UTC), 1)


def test_a_moment_is_spelled_in_utc_wherever_the_machine_is() -> None:
    moment = RunWindow.of(datetime(2026, 11, 1, 23, 30, tzinfo=LOS_ANGELES), LOS_ANGELES)
    assert str(moment.at) == "2026-11-02 07:30:00+00:00"
    assert str(moment.until) == "2026-11-03 07:30:00+00:00"


@pytest.mark.parametrize(
    ("ticks", "meaning"),
    [
        (0, Expiry.MUST_CHANGE),
        (2**63 - 1, Expiry.NEVER),
        (-1, Expiry.NEVER),
        (2**63 - 2, Expiry.NEVER),
        (132223104000000000, datetime(2020, 1, 1, tzinfo=UTC)),
        (116444736009999999, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_ticks_of_the_directory(ticks: int, meaning: datetime | Expiry) -> None:
    assert read_ticks(ticks) == meaning


@given(st.integers(0, 2**63 - 1))
def test_no_number_of_ticks_is_an_error(ticks: int) -> None:
    assert isinstance(read_ticks(ticks), (datetime, Expiry))


def test_days_are_read_longest_first_and_once() -> None:
    assert notify_days("1,15,7,7") == (15, 7, 1)


def test_a_reminders_key_changes_with_user_expiry_and_days() -> None:
    others = [
        Reminder(replace(ALICE, id="2"), 7),
        Reminder(replace(ALICE, source="iam"), 7),
        Reminder(replace(ALICE, expires_at=NOW), 7),
        Reminder(ALICE, 1),
    ]
    assert len({each.key for each in [Reminder(ALICE, 7), *others]}) == 5


def test_a_reminders_key_stays_when_name_and_address_change() -> None:
    renamed = replace(ALICE, user="alicia", mail="alicia@example.com", name="Alicia", policy="x")
    assert Reminder(renamed, 7).key == Reminder(ALICE, 7).key


@pytest.mark.parametrize("expires_at", [NOW, *Expiry])
def test_rows_are_read_as_they_were_written(expires_at: datetime | Expiry) -> None:
    row = ReportRow(Reminder(replace(ALICE, expires_at=expires_at, excluded=True), 7), Outcome.FAILED, "why")
    assert ReportRow.from_json(row.as_json()) == row


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\uff1d1", ' "=1"'])
def test_no_cell_is_a_formula(name: str) -> None:
    cells = ReportRow(Reminder(replace(ALICE, name=name), 7), Outcome.MAILED).cells()
    assert f"'{name}" in cells


@pytest.mark.parametrize(
    "name", ["Alice", "Alice-Anne (x=1); Smith, A.", "CN=Boss,OU=Staff,DC=corp", "O'Neil"]
)
def test_what_is_no_formula_stays_as_it_is(name: str) -> None:
    assert name in ReportRow(Reminder(replace(ALICE, name=name), 7), Outcome.MAILED).cells()


@example(name="Eve;=cmd|' /C calc'!A0;", separator=";")
@example(name='Eve;"=cmd"', separator=";")
@example(name="Eve\t=cmd", separator="\t")
@example(name="Eve\n=cmd", separator=",")
@given(name=st.text("ab=+-@;,|\t\r\n\"' ", max_size=12), separator=st.sampled_from(",;|\t"))
def test_no_cell_is_a_formula_whatever_separates_the_columns(name: str, separator: str) -> None:
    file = StringIO(newline="")
    csv.writer(file).writerow(ReportRow(Reminder(replace(ALICE, name=name), 7), Outcome.MAILED).cells())
    file.seek(0)
    cells = [cell.lstrip(' "') for row in csv.reader(file, delimiter=separator) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
