"""Who may be reset, and where their mail goes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.domain.users import (
    IamUser,
    LoginProfile,
    PasswordReset,
    Protection,
    ensure_not_protected,
    has_broken_mail_tag,
    is_possible_name,
    mail_address,
    was_taken_over,
)
from latchkey.errors import UserNotEligibleError

RESET_AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ALICE = "alice@example.com"
PROTECTION = Protection.of("/admins/", "Administrators, Admins,")


def test_mail_goes_to_the_user_name_where_that_is_an_address() -> None:
    assert mail_address(IamUser("alice@example.com")) == "alice@example.com"


def test_the_tag_email_comes_before_the_user_name() -> None:
    tagged = IamUser("alice@example.com", tags={"email": "alice@home.example"})
    assert mail_address(tagged) == "alice@home.example"


def test_blanks_around_an_address_do_not_count() -> None:
    assert mail_address(IamUser("alice", tags={"email": " alice@example.com\r\n"})) == "alice@example.com"


@pytest.mark.parametrize("key", ["email", "Email", "EMAIL", "eMail"])
def test_the_tags_key_may_be_spelled_in_any_case_as_to_iam(key: str) -> None:
    assert mail_address(IamUser("alice", tags={key: "alice@home.example"})) == "alice@home.example"


@pytest.mark.parametrize("tag", ["", " ", "none", "alice at example.com"])
def test_a_broken_tag_does_not_hide_a_user_name_that_is_an_address(tag: str) -> None:
    user = IamUser("alice@example.com", tags={"Email": tag})
    assert mail_address(user) == "alice@example.com"
    assert has_broken_mail_tag(user)


def test_where_neither_is_an_address_the_reason_says_so() -> None:
    with pytest.raises(UserNotEligibleError, match="neither the tag 'email' nor the user name is one"):
        mail_address(IamUser("alice", tags={"email": "none"}))


@pytest.mark.parametrize("tags", [{}, {"email": "alice@home.example"}, {"EMAIL": " alice@home.example "}])
def test_a_tag_that_is_an_address_or_absent_is_not_broken(tags: dict[str, str]) -> None:
    assert not has_broken_mail_tag(IamUser("alice", tags=tags))


MALFORMED = [
    "",
    "alice",
    "alice@",
    "@example.com",
    "alice@example",
    "alice@example.",
    "alice@@example.com",
    "ali ce@example.com",
    "ali\tce@example.com",
    "alice@exam ple.com",
    "alice@example.com,mallory@example.net",
    "alice@example.com;mallory@example.net",
    "mallory@example.net alice@example.com",
    "Alice <alice@example.com>",
    '"alice"@example.com',
    "alice@example.com\r\nBcc: mallory@example.net",
    "alice\r\n@example.com",
    "alice@example.com\nmallory@example.net",
    "a" * 243 + "@example.com",
]


@pytest.mark.parametrize("address", MALFORMED)
def test_a_malformed_address_gets_no_mail(address: str) -> None:
    with pytest.raises(UserNotEligibleError):
        mail_address(IamUser("robot", tags={"email": address}))


def test_an_address_may_have_254_characters() -> None:
    address = "a" * 242 + "@example.com"
    assert mail_address(IamUser("alice", tags={"email": address})) == address


@given(st.text())
def test_an_address_never_holds_a_line_break_or_a_second_recipient(text: str) -> None:
    try:
        address = mail_address(IamUser("robot", tags={"email": text}))
    except UserNotEligibleError:
        return
    assert address.count("@") == 1
    assert not set(address) & set("\r\n ,;<>")


def test_an_untagged_user_may_be_reset() -> None:
    ensure_not_protected(IamUser("alice", tags={"email": "alice@example.com"}), PROTECTION)


@pytest.mark.parametrize("value", ["true", "false", ""])
def test_a_protected_user_may_not_be_reset_whatever_the_tags_value(value: str) -> None:
    with pytest.raises(UserNotEligibleError, match="protected"):
        ensure_not_protected(IamUser("alice", tags={"latchkey:protected": value}), Protection())


def test_the_tags_letter_case_does_not_matter_as_it_does_not_to_iam() -> None:
    with pytest.raises(UserNotEligibleError, match="protected"):
        ensure_not_protected(IamUser("alice", tags={"Latchkey:Protected": ""}), Protection())


@pytest.mark.parametrize("path", ["/admins/", "/admins/europe/"])
def test_a_user_below_the_protected_path_may_not_be_reset(path: str) -> None:
    with pytest.raises(UserNotEligibleError, match="path"):
        ensure_not_protected(IamUser("alice", path), PROTECTION)


@pytest.mark.parametrize("path", ["/", "/adminsters/", "/europe/admins/", "/Admins/"])
def test_a_user_of_another_path_may_be_reset(path: str) -> None:
    ensure_not_protected(IamUser("alice", path), PROTECTION)


@pytest.mark.parametrize("group", ["Administrators", "administrators", "ADMINS"])
def test_a_member_of_a_protected_group_may_not_be_reset(group: str) -> None:
    with pytest.raises(UserNotEligibleError, match=f"group {group}"):
        ensure_not_protected(IamUser("alice", groups=frozenset({"Developers", group})), PROTECTION)


def test_a_member_of_other_groups_may_be_reset() -> None:
    ensure_not_protected(IamUser("alice", groups=frozenset({"Admin", "NoAdmins"})), PROTECTION)


def test_empty_parameters_protect_no_user() -> None:
    ensure_not_protected(IamUser("alice", groups=frozenset({"Admins"})), Protection.of("", ""))


STORED_AT = RESET_AT + timedelta(seconds=2)


@pytest.mark.parametrize(
    ("must_change", "last_used", "created_at", "taken_over"),
    [
        (True, None, RESET_AT - MINUTE, False),
        (True, RESET_AT - MINUTE, RESET_AT - MINUTE, False),
        (True, RESET_AT, RESET_AT - MINUTE, False),
        (True, RESET_AT + MINUTE, RESET_AT - MINUTE, True),
        (False, None, RESET_AT - MINUTE, True),
        (False, RESET_AT - MINUTE, RESET_AT - MINUTE, True),
        # Should IAM note the reset's own change there, that is no other's.
        (True, None, STORED_AT, False),
        (True, None, STORED_AT + MINUTE, False),
        (True, None, STORED_AT + MINUTE + timedelta(seconds=1), True),
    ],
    ids=[
        "never used",
        "used before the reset",
        "used in the second of the reset",
        "used after the reset",
        "chosen by the user",
        "chosen by the user, who signed in before",
        "set as the reset was stored",
        "set within a minute of it",
        "set more than a minute after it",
    ],
)
def test_a_password_is_anothers_once_changed_used_or_set_after_the_reset(
    *, must_change: bool, last_used: datetime | None, created_at: datetime, taken_over: bool
) -> None:
    user, profile = IamUser("alice", password_last_used=last_used), LoginProfile(must_change, created_at)
    assert was_taken_over(user, profile, PasswordReset(begun_at=RESET_AT, stored_at=STORED_AT)) is taken_over


def test_a_reset_that_did_not_get_to_storing_minds_no_login_profile() -> None:
    profile = LoginProfile(must_change=True, created_at=RESET_AT + timedelta(hours=1))
    assert not was_taken_over(IamUser("alice"), profile, PasswordReset(begun_at=RESET_AT))


@pytest.mark.parametrize("name", ["alice", ALICE, "a", "A_b+c=d,e.f@g-h", "x" * 64, "Summer2026"])
def test_what_iam_takes_as_a_name_is_possible(name: str) -> None:
    assert is_possible_name(name)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a!", "ünknown", "a/b", "alice\n", "\u0661", "a:b"])
def test_what_iam_never_takes_as_a_name_is_impossible(text: str) -> None:
    assert not is_possible_name(text)
