"""When a password is due, and what happens to all others."""

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from io import StringIO
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from latchkey.domain.accounts import Account, Expiry, read_ticks
from latchkey.domain.reminders import Outcome, Reminder, ReportRow, classify, reached, thresholds
from latchkey.domain.run_report import COLUMNS, cells
from latchkey.domain.run_window import RunWindow

DAY = timedelta(days=1)
DAYS = (15, 7, 1)
AFTER = (-1, -4, -8)
BERLIN, LOS_ANGELES, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Los_Angeles"), ZoneInfo("UTC")
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
]
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
WINDOW = RunWindow.of(NOW, UTC_ZONE)
ALICE = Account("directory", "1", "alice", NOW + 7 * DAY, mail="alice@example.com")


def local_runs(first: datetime, number: int, zone: tzinfo) -> list[RunWindow]:
    """Return the windows of a daily run at the same local time."""
    return [RunWindow.of((first + day * DAY).replace(tzinfo=zone), zone) for day in range(number)]


@pytest.mark.parametrize(
    ("left", "days"),
    [
        (timedelta(days=15), 15),
        (timedelta(days=16) - timedelta(seconds=1), 15),
        (timedelta(days=7, hours=12), 7),
        (timedelta(days=1), 1),
        (timedelta(days=1) - timedelta(seconds=1), 0),
        (timedelta(0), 0),
        (timedelta(seconds=-1), -1),
        (timedelta(days=-1), -1),
        (timedelta(days=-1, seconds=-1), -2),
    ],
)
def test_days_left_are_whole_days(left: timedelta, days: int) -> None:
    assert WINDOW.days_left(NOW + left) == days


@pytest.mark.parametrize(
    ("days_left", "threshold"),
    [(400, None), (16, None), (15, 15), (8, 15), (7, 7), (5, 7), (2, 7), (1, 1), (0, 1)],
)
def test_the_nearest_threshold_is_reached_however_late(days_left: int, threshold: int | None) -> None:
    assert reached(days_left, DAYS + AFTER) == threshold


@pytest.mark.parametrize(
    ("days_left", "threshold"),
    [(-1, -1), (-3, -1), (-4, -4), (-7, -4), (-8, -8), (-15, -8), (-16, None), (-400, None)],
)
def test_mails_after_the_expiry_are_at_most_a_week_late(days_left: int, threshold: int | None) -> None:
    assert reached(days_left, DAYS + AFTER) == threshold


def test_without_days_after_the_expiry_no_mail_follows_it() -> None:
    assert [reached(-days, DAYS) for days in range(1, 20)] == [None] * 19


def test_due_accounts_are_told_how_many_days_are_truly_left() -> None:
    row = classify(replace(ALICE, expires_at=NOW + 5 * DAY), WINDOW, DAYS)
    assert (row.outcome, row.reminder.days_left, row.reminder.threshold) == (Outcome.DUE, 5, 7)


@pytest.mark.parametrize("expires_at", list(Expiry))
def test_users_whose_expiry_is_no_time_have_no_days_in_the_report(expires_at: Expiry) -> None:
    row = classify(replace(ALICE, expires_at=expires_at), WINDOW, DAYS)
    assert dict(zip(COLUMNS, cells(row), strict=True))["days left"] == ""


@pytest.mark.parametrize(
    ("account", "outcome"),
    [
        (replace(ALICE, mail=""), Outcome.WITHOUT_MAIL),
        (replace(ALICE, excluded=True), Outcome.EXCLUDED),
        (replace(ALICE, excluded=True, expires_at=Expiry.NEVER), Outcome.EXCLUDED),
        (replace(ALICE, expires_at=Expiry.NEVER), Outcome.NEVER_EXPIRES),
        (replace(ALICE, expires_at=Expiry.MUST_CHANGE), Outcome.MUST_CHANGE),
        (replace(ALICE, expires_at=Expiry.UNKNOWN), Outcome.FAILED),
        (replace(ALICE, expires_at=NOW - DAY), Outcome.EXPIRED),
        (replace(ALICE, account_expires_at=NOW), Outcome.ACCOUNT_EXPIRED),
        (
            replace(ALICE, account_expires_at=NOW - DAY, expires_at=Expiry.MUST_CHANGE),
            Outcome.ACCOUNT_EXPIRED,
        ),
        (replace(ALICE, smart_card=True, expires_at=Expiry.NEVER), Outcome.SMART_CARD),
        (replace(ALICE, mail="", expires_at=NOW + 16 * DAY), Outcome.NOT_DUE),
    ],
    ids=[
        "has no mail address",
        "is in the excluded group",
        "is excluded, whose password never expires",
        "has a password that never expires",
        "must change the password at the next sign-in",
        "has an expiry that cannot be read",
        "has a password that expired yesterday",
        "has an account that expires now",
        "has an account that expired, and a password to be changed",
        "signs in by smart card only",
        "has sixteen days left",
    ],
)
def test_a_user_who_is_not_reminded_has_a_reason(account: Account, outcome: Outcome) -> None:
    assert classify(account, WINDOW, DAYS).outcome is outcome


def test_an_account_that_expires_tomorrow_is_still_reminded_today() -> None:
    row = classify(replace(ALICE, account_expires_at=NOW + DAY), WINDOW, DAYS)
    assert (row.outcome, row.reminder.days_left) == (Outcome.DUE, 7)


def test_after_the_expiry_the_mail_is_another_one() -> None:
    rows = [classify(replace(ALICE, expires_at=NOW + each * DAY), WINDOW, DAYS + AFTER) for each in (0, -1)]
    assert [(row.outcome, row.reminder.has_expired) for row in rows] == [
        (Outcome.DUE, False),
        (Outcome.DUE, True),
    ]


def warned(expires_at: datetime, runs: list[RunWindow]) -> list[int]:
    """Return the days left in each mail before the expiry; each threshold once, as its record holds it to."""
    sent: dict[str, int] = {}
    for run in runs:
        row = classify(replace(ALICE, expires_at=expires_at), run, DAYS)
        if row.outcome is Outcome.DUE:
            sent.setdefault(row.reminder.key, row.reminder.days_left)
    return list(sent.values())


@given(
    first=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001  # local time
    zone=st.sampled_from(ZONES),
    hour=st.integers(4, 23),
    ahead=st.integers(20 * 86400, 30 * 86400),
    gaps=st.lists(st.integers(1, 7), min_size=35, max_size=35),
)
def test_after_any_outages_of_a_week_each_person_was_warned_in_the_last_7_days_and_once_for_a_threshold(
    first: datetime, zone: str, hour: int, ahead: int, gaps: list[int]
) -> None:
    runs = local_runs(first.replace(hour=hour), 36, ZoneInfo(zone))
    expires_at = runs[0].at + timedelta(seconds=ahead)
    mails = warned(expires_at, [runs[each] for each in accumulate(gaps, initial=0) if each < len(runs)])
    assert any(0 <= left <= 7 for left in mails)
    assert len(mails) <= len(DAYS)
    assert mails == sorted(set(mails), reverse=True)


@given(
    first=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001  # local time
    zone=st.sampled_from(ZONES),
    hour=st.integers(4, 23),
    seconds=st.integers(-400 * 86400, 400 * 86400),
)
def test_each_daily_run_counts_one_day_less(first: datetime, zone: str, hour: int, seconds: int) -> None:
    runs = local_runs(first.replace(hour=hour), 5, ZoneInfo(zone))
    left = [run.days_left(runs[0].at + timedelta(seconds=seconds)) for run in runs]
    assert left == list(range(left[0], left[0] - 5, -1))


@pytest.mark.parametrize("zone", [BERLIN, LOS_ANGELES, ZoneInfo("Australia/Lord_Howe")])
def test_a_password_passes_its_expiry_between_two_runs_all_year(zone: tzinfo) -> None:
    runs = local_runs(datetime(2026, 1, 1, 23), 370, zone)  # noqa: DTZ001  # local time
    for today, tomorrow in pairwise(runs):
        assert [
            today.days_left(each) for each in (today.at, tomorrow.at - timedelta(seconds=1), tomorrow.at)
        ] == [
            0,
            0,
            1,
        ]


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (datetime(2026, 3, 28, 6), 23),  # noqa: DTZ001  # local time
        (datetime(2026, 10, 24, 6), 25),  # noqa: DTZ001
        (datetime(2028, 2, 28, 6), 24),  # noqa: DTZ001
    ],
    ids=["clocks go forward", "clocks go back", "leap day"],
)
def test_a_day_lasts_until_the_same_local_time(day: datetime, hours: int) -> None:
    today, _ = local_runs(day, 2, BERLIN)
    end = today.at + timedelta(hours=hours)
    assert [today.days_left(each) for each in (end - timedelta(seconds=1), end)] == [0, 1]


def test_a_run_late_at_night_far_from_utc_counts_from_its_own_time() -> None:
    window = RunWindow.of(datetime(2026, 11, 1, 23, 30, tzinfo=LOS_ANGELES), LOS_ANGELES)
    assert str(window.at) == "2026-11-02 07:30:00+00:00"
    assert window.days_left(datetime(2026, 11, 3, 8, tzinfo=UTC)) == 1


def test_a_run_in_the_hour_that_comes_twice_counts_from_its_own_second() -> None:
    window = RunWindow.of(datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), BERLIN)
    assert [window.days_left(window.at + timedelta(seconds=each)) for each in (-1, 0)] == [-1, 0]


@pytest.mark.parametrize(
    ("ticks", "meaning"),
    [
        (0, Expiry.MUST_CHANGE),
        (2**63 - 1, Expiry.NEVER),
        (-1, Expiry.NEVER),
        (2**63 - 2, Expiry.NEVER),
        (132223104000000000, datetime(2020, 1, 1, tzinfo=UTC)),
        (116444736009999999, datetime(1970, 1, 1, tzinfo=UTC)),
        (2650467743990000000, Expiry.NEVER),
    ],
)
def test_the_directorys_ticks_are_read_as_times(ticks: int, meaning: datetime | Expiry) -> None:
    assert read_ticks(ticks) == meaning


@given(st.integers(0, 2**63 - 1))
def test_no_number_of_ticks_is_an_error(ticks: int) -> None:
    assert isinstance(read_ticks(ticks), (datetime, Expiry))


@pytest.mark.parametrize(
    ("before", "after", "days"),
    [("1,15,7,7", "", (15, 7, 1)), ("7", "0,3,7", (7, -1, -4, -8))],
)
def test_thresholds_are_read_longest_first_and_once(before: str, after: str, days: tuple[int, ...]) -> None:
    assert thresholds(before, after) == days


def test_a_reminders_key_changes_with_user_expiry_and_threshold() -> None:
    others = [
        Reminder(replace(ALICE, id="2"), 7, 7),
        Reminder(replace(ALICE, source="iam"), 7, 7),
        Reminder(replace(ALICE, expires_at=NOW), 7, 7),
        Reminder(ALICE, 7, 15),
    ]
    assert len({each.key for each in [Reminder(ALICE, 7, 7), *others]}) == 5


def test_a_reminders_key_stays_when_name_and_address_change_or_days_pass() -> None:
    renamed = replace(ALICE, user="alicia", mail="alicia@example.com", name="Alicia", policy="x")
    assert Reminder(renamed, 7, 7).key == Reminder(ALICE, 5, 7).key


@pytest.mark.parametrize("expires_at", [NOW, *Expiry])
def test_rows_are_read_as_they_were_written(expires_at: datetime | Expiry) -> None:
    row = ReportRow(
        Reminder(replace(ALICE, expires_at=expires_at, excluded=True), 7, 15), Outcome.FAILED, "why"
    )
    assert ReportRow.from_json(row.as_json()) == row


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\uff1d1", ' "=1"'])
def test_no_cell_is_a_formula(name: str) -> None:
    assert f"'{name}" in cells(ReportRow(Reminder(replace(ALICE, name=name), 7), Outcome.MAILED))


@pytest.mark.parametrize(
    "name", ["Alice", "Alice-Anne (x=1); Smith, A.", "CN=Boss,OU=Staff,DC=corp", "O'Neil"]
)
def test_what_is_no_formula_stays_as_it_is(name: str) -> None:
    assert name in cells(ReportRow(Reminder(replace(ALICE, name=name), 7), Outcome.MAILED))


@example(name="Eve;=cmd|' /C calc'!A0;", separator=";")
@example(name='Eve;"=cmd"', separator=";")
@example(name="Eve\t=cmd", separator="\t")
@example(name="Eve\n=cmd", separator=",")
@given(name=st.text("ab=+-@;,|\t\r\n\"' ", max_size=12), separator=st.sampled_from(",;|\t"))
def test_no_cell_is_a_formula_whatever_separates_the_columns(name: str, separator: str) -> None:
    file = StringIO(newline="")
    csv.writer(file).writerow(cells(ReportRow(Reminder(replace(ALICE, name=name), 7), Outcome.MAILED)))
    file.seek(0)
    read = [cell.lstrip(' "') for row in csv.reader(file, delimiter=separator) for cell in row]
    assert [cell for cell in read if cell.startswith(("=", "+", "-", "@"))] == []
