"""A calendar of 400 days: nobody who could be warned is missed, and nobody is mailed twice."""

from bench.reminder_calendar import compare


def test_over_400_days_all_who_expire_are_warned_in_their_last_7_days_and_none_twice() -> None:
    found = compare(people=450, days=400)
    ours = found.pop("Latchkey")
    assert ours.expired > 500
    assert ours.warned == ours.expired
    assert ours.duplicates == 0
    # The same calendars show what is wrong with rules that keep no state: they would show it of this one.
    for other in found.values():
        assert other.warned < other.expired
        assert other.duplicates > 0
