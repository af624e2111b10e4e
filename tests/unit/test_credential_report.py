"""Who IAM's credential report says has a password, and until when."""

from datetime import UTC, datetime

import pytest

from latchkey.domain.accounts import Expiry
from latchkey.domain.credential_report import read_report

HEAD = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed"


def report(*rows: str) -> list[str]:
    return [HEAD, *rows]


def row(user: str, enabled: str, changed: str) -> str:
    return f"{user},arn:aws:iam::123456789012:user/{user},2020-01-01T00:00:00+00:00,{enabled},N/A,{changed}"


def test_a_password_expires_so_many_days_after_its_last_change() -> None:
    (account,) = read_report(report(row("alice", "true", "2026-01-01T10:00:00+00:00")), 90)
    assert account.expires_at == datetime(2026, 4, 1, 10, tzinfo=UTC)
    assert account.id == "arn:aws:iam::123456789012:user/alice"
    assert "90 days" in account.policy


@pytest.mark.parametrize("enabled", ["false", "not_supported", "FALSE", "no_information"])
def test_users_without_a_password_are_skipped(enabled: str) -> None:
    assert list(read_report(report(row("alice", enabled, "N/A")), 90)) == []


def test_the_root_user_is_skipped() -> None:
    root = "<root_account>,arn:aws:iam::123456789012:root,2020-01-01T00:00:00+00:00,not_supported,N/A,N/A"
    assert list(read_report(report(root), 90)) == []


@pytest.mark.parametrize(
    "odd",
    [
        "eve",
        "eve,arn:aws:iam::123456789012:user/eve",
        row("eve,x", "true", "2026-01-01T10:00:00+00:00"),
        row("eve,x,y,true", "true", "2026-01-01T10:00:00+00:00"),
        row("eve", "true", "9999-12-31T23:00:00+00:00"),
    ],
)
def test_a_row_of_another_form_fails_alone_and_is_named(odd: str) -> None:
    good = row("alice", "true", "2026-01-01T10:00:00+00:00")
    before, eve, after = read_report(report(good, odd, good), 90)
    assert before == after
    assert (before.user, before.problem) == ("alice", "")
    assert (eve.user, eve.expires_at) == ("eve", Expiry.UNKNOWN)
    assert "could not be read" in eve.problem


@pytest.mark.parametrize("changed", ["2026-01-01T10:00:00", "N/A", "no_information", "not_supported", ""])
def test_without_a_last_change_nothing_is_known(changed: str) -> None:
    (account,) = read_report(report(row("alice", "TRUE", changed)), 90)
    assert account.expires_at is Expiry.UNKNOWN
