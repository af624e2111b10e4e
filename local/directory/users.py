"""Who is in the directory of a fresh local cloud: a user for each side of every rule."""

from __future__ import annotations

from local.directory.samba import MAXIMUM_AGE_DAYS, SHORT_POLICY_DAYS, DirectoryUser

_DAY = 24 * 3600
#: Half a day more than whole days, so that the days left are the same at any time of a run.
_MARGIN = 0.5


def changed_at(now: float, days_left: float, maximum_age: int = MAXIMUM_AGE_DAYS) -> float:
    """Return when a password was set that has so many whole days left, in Unix seconds."""
    return now + (days_left + _MARGIN - maximum_age) * _DAY


def directory_users(now: float) -> list[DirectoryUser]:
    """Return the users; those whose names begin with `due` are reminded of a password that expires."""
    soon = changed_at(now, 7)
    return [
        DirectoryUser("due15", changed_at(now, 15), "due15@corp.example.com", "Dora Fifteen"),
        DirectoryUser("due7", soon, "due7@corp.example.com", "Zoë Ünïcode 郑", language="de"),
        DirectoryUser(
            "due1", changed_at(now, 1), "due1@corp.example.com", "Last\r\nBcc: everybody@example.com"
        ),
        DirectoryUser("due-" + "n" * 60, soon, f"{'n' * 64}@corp.example.com", "N" * 64),
        DirectoryUser(
            "due-by-short-policy",
            changed_at(now, 7, SHORT_POLICY_DAYS),
            "short@corp.example.com",
            "Shorty",
            short_policy=True,
        ),
        DirectoryUser("due5-missed", changed_at(now, 5), "due5@corp.example.com"),
        DirectoryUser("day16", changed_at(now, 16), "day16@corp.example.com"),
        DirectoryUser("due-expired", changed_at(now, -3), "due-expired@corp.example.com"),
        DirectoryUser("expired", changed_at(now, -30), "expired@corp.example.com"),
        DirectoryUser("gone", soon, "gone@corp.example.com", account_expires_at=now - _DAY),
        DirectoryUser("due-ends-tomorrow", soon, "ends@corp.example.com", account_expires_at=now + _DAY),
        DirectoryUser("smart-card", soon, "card@corp.example.com", smart_card=True),
        DirectoryUser("must-change", None, "must-change@corp.example.com"),
        DirectoryUser("never-expires", changed_at(now, -300), "never@corp.example.com", never_expires=True),
        DirectoryUser("disabled", soon, "disabled@corp.example.com", disabled=True),
        DirectoryUser("excluded", soon, "excluded@corp.example.com", excluded=True),
        DirectoryUser("no-mail", soon),
        DirectoryUser("bad-mail", soon, "two@addresses@corp.example.com"),
    ]
