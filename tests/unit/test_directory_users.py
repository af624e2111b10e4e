"""Who of a directory may be reset, what a password must not hold, and whether it is still the reset's own."""

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.domain import users
from latchkey.domain.directory_groups import ADMINISTRATIVE_GROUPS, protecting_group
from latchkey.domain.directory_users import (
    AccountControl,
    DirectoryUser,
    account_name,
    ensure_eligible,
    ensure_own_address,
    identity_of,
    is_in_directory,
    is_possible_name,
    policy_for,
    read_time,
    typed_name,
    was_taken_over,
)
from latchkey.domain.passwords import PasswordPolicy, generate_password
from latchkey.domain.users import PasswordReset
from latchkey.errors import DirectorySearchError, UserNotEligibleError

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DANA = DirectoryUser(
    identity=UUID("8af02d8d-ffa8-483b-a016-16e9f430b206"),
    name="dana",
    mail="dana@corp.example.com",
    principal_name="d.scully@corp.example.com",
    display_name="Dana Katherine Scully",
    protected_by="",
    password_set_at=NOW - 30 * DAY,
)
FLAGS = AccountControl.NORMAL_ACCOUNT
BEGUN = PasswordReset(begun_at=NOW)
STORED = PasswordReset(begun_at=NOW, stored_at=NOW + timedelta(seconds=2))


@given(st.text())
def test_no_account_of_the_directory_has_the_name_of_an_iam_user(typed: str) -> None:
    assert not users.is_possible_name(account_name(typed))
    assert is_in_directory(account_name(typed))
    assert typed_name(account_name(typed)) == typed


def test_an_account_is_named_by_what_no_renaming_changes() -> None:
    assert DANA.account == "directory/8af02d8d-ffa8-483b-a016-16e9f430b206"
    assert identity_of(DANA.account) == DANA.identity


@pytest.mark.parametrize("account", ["dana", str(DANA.identity), "directory/dana", "directory/", ""])
def test_what_names_no_found_account_has_no_identity(account: str) -> None:
    with pytest.raises(ValueError, match=r"UUID|account"):
        identity_of(account)


@pytest.mark.parametrize(
    "text",
    ["dana", "o'brien", "zoë", "d.scully@corp.example.com", "dana+x@example.com", "x" * 20, "a b"],
)
def test_names_and_addresses_are_possible(text: str) -> None:
    assert is_possible_name(text)


@pytest.mark.parametrize(
    "text", ["x" * 21, "*", 'a"b', "a\\b", "a,b", "(|(cn=*", "a\nb", f"{'x' * 250}@a.example"]
)
def test_what_is_longer_or_has_other_characters_goes_nowhere(text: str) -> None:
    assert not is_possible_name(text)


def test_a_person_may_be_reset() -> None:
    ensure_eligible(DANA, NOW)
    ensure_eligible(replace(DANA, account_expires_at=NOW + timedelta(seconds=1)), NOW)
    ensure_eligible(replace(DANA, password_set_at=None), NOW)


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        (replace(DANA, control=FLAGS | AccountControl.DISABLED), "is disabled"),
        (replace(DANA, control=AccountControl(0x1000)), "no account of a person"),
        (replace(DANA, control=AccountControl(0x800)), "no account of a person"),
        (replace(DANA, account_expires_at=NOW), "has expired"),
        (replace(DANA, control=FLAGS | AccountControl.SMARTCARD_REQUIRED), "smart card"),
        (replace(DANA, control=FLAGS | AccountControl.NEVER_EXPIRES), "never expires"),
        (replace(DANA, has_admin_count=True), "adminCount"),
        (replace(DANA, protected_by="Domain Admins"), "the group Domain Admins"),
        (replace(DANA, mail=""), "no mail address"),
        (replace(DANA, mail="two@addresses@corp.example.com"), "no mail address"),
    ],
)
def test_others_may_not(user: DirectoryUser, reason: str) -> None:
    for protected_by in (user.protected_by, user.protected_by or None):
        with pytest.raises(UserNotEligibleError, match=reason):
            ensure_eligible(replace(user, protected_by=protected_by), NOW)


def test_who_may_be_protected_is_refused_and_those_on_call_are_told() -> None:
    with pytest.raises(DirectorySearchError, match="may not read tokenGroups"):
        ensure_eligible(replace(DANA, protected_by=None), NOW)


def sid(relative: int, domain: bytes = b"\x01\x05\0\0\0\0\0\x05\x15\0\0\0" + b"corp.example") -> bytes:
    return domain + relative.to_bytes(4, "little")


BUILTIN = b"\x01\x02\0\0\0\0\0\x05\x20\0\0\0"


def test_groups_that_are_not_known_are_not_none() -> None:
    assert protecting_group([], {}) is None
    assert protecting_group([sid(513), sid(545, BUILTIN)], {}) == ""


@given(st.sampled_from(sorted(ADMINISTRATIVE_GROUPS)), st.binary(min_size=12, max_size=12))
def test_administrators_of_any_domain_are_protected_whatever_their_group_is_called(
    relative: int, domain: bytes
) -> None:
    group = sid(relative, BUILTIN) if relative in range(544, 553) else sid(relative, BUILTIN + domain)
    assert protecting_group([sid(513), group], {}) == ADMINISTRATIVE_GROUPS[relative]


def test_groups_that_are_named_protect_and_those_whose_number_is_theirs_elsewhere_do_not() -> None:
    payroll = sid(1200)
    assert protecting_group([sid(513), payroll], {payroll: "Payroll"}) == "Payroll"
    assert protecting_group([sid(513), sid(1200, BUILTIN)], {payroll: "Payroll"}) == ""


@pytest.mark.parametrize(
    ("address", "attribute"),
    [("Dana@Corp.example.com", "mail"), ("d.scully@corp.example.com", "userPrincipalName")],
)
def test_people_ask_for_themselves_by_the_attribute_that_was_chosen(address: str, attribute: str) -> None:
    ensure_own_address(DANA, address, attribute)
    other = {"mail": "userPrincipalName", "userPrincipalName": "mail"}[attribute]
    with pytest.raises(UserNotEligibleError, match="not that of dana"):
        ensure_own_address(DANA, address, other)


def test_letters_that_only_look_alike_are_no_ones_own_address() -> None:
    # In lower case the Kelvin sign is a k.
    kim = replace(DANA, mail="kim@corp.example.com")
    for user, address in (
        (kim, "\N{KELVIN SIGN}im@corp.example.com"),
        (replace(kim, mail="\N{KELVIN SIGN}im@corp.example.com"), "kim@corp.example.com"),
        (replace(kim, mail=""), ""),
    ):
        with pytest.raises(UserNotEligibleError):
            ensure_own_address(user, address, "mail")


def test_a_password_must_not_hold_the_accounts_names() -> None:
    user = replace(DANA, name="Dana.Scully", display_name="Zoë-Ann de la_Cruz, Jr #3\tO'Neil")
    assert policy_for(user, 14) == PasswordPolicy(
        minimum_length=14, forbidden=("ann", "cruz", "dana.scully", "o'neil", "zoë")
    )


@given(
    minimum=st.integers(0, 128),
    length=st.integers(12, 128),
    name=st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=20),
    display_name=st.text(max_size=60),
)
def test_generated_passwords_meet_every_policy(
    minimum: int, length: int, name: str, display_name: str
) -> None:
    """As Active Directory checks it: length, kinds of characters, and the names by their parts."""
    policy = policy_for(replace(DANA, name=name, display_name=display_name), minimum)
    password = generate_password(policy, length)
    assert len(password) >= max(minimum, length)
    for kind in (string.ascii_uppercase, string.ascii_lowercase, string.digits, string.punctuation):
        assert not set(kind).isdisjoint(password)
    lowered = password.lower()
    assert len(name) < 3 or name.lower() not in lowered
    parts = display_name
    for separator in ",.-_ #\t":
        parts = parts.replace(separator, "\n")
    assert not [part for part in parts.split("\n") if len(part) >= 3 and part.lower() in lowered]


def test_a_name_within_a_password_has_it_drawn_again() -> None:
    drawn = iter("Dana!5xY" + "Anna!5xY")
    policy = PasswordPolicy(forbidden=("dana",))
    assert generate_password(policy, 8, lambda _: next(drawn)) == "Anna!5xY"


@pytest.mark.parametrize(
    ("ticks", "time"),
    [
        (0, None),
        (2**63 - 1, None),
        (-1, None),
        (2**63 - 2, None),
        (134_168_292_000_000_000, datetime(2026, 3, 1, 9, 0, tzinfo=UTC)),
    ],
)
def test_times_of_the_directory(ticks: int, time: datetime | None) -> None:
    assert read_time(ticks) == time


class TestWhosePasswordItIs:
    #: As the reset leaves it.
    ours = replace(DANA, password_set_at=None)
    #: A controller that does not know of the reset yet.
    stale = DANA
    changed = replace(DANA, password_set_at=NOW + timedelta(minutes=5))
    used = replace(ours, signed_in_at=NOW + timedelta(minutes=5))

    @pytest.mark.parametrize("reset", [BEGUN, STORED])
    def test_one_that_nobody_touched_is_the_resets_own(self, reset: PasswordReset) -> None:
        assert not was_taken_over([self.ours], reset)

    @pytest.mark.parametrize("reset", [BEGUN, STORED])
    def test_one_that_was_changed_or_used_is_not(self, reset: PasswordReset) -> None:
        assert was_taken_over([self.changed], reset)
        assert was_taken_over([self.used], reset)

    @pytest.mark.parametrize("reset", [BEGUN, STORED])
    def test_it_is_enough_that_one_controller_knows(self, reset: PasswordReset) -> None:
        assert was_taken_over([self.ours, self.changed], reset)
        assert was_taken_over([self.stale, self.changed], reset)

    def test_what_was_stored_was_set_though_a_controller_does_not_know_of_it(self) -> None:
        assert not was_taken_over([self.stale], STORED)
        assert not was_taken_over([self.stale, self.ours], BEGUN)

    def test_what_no_controller_knows_of_was_never_set(self) -> None:
        assert was_taken_over([self.stale], BEGUN)

    def test_a_sign_in_before_the_reset_says_nothing(self) -> None:
        assert not was_taken_over([replace(self.ours, signed_in_at=NOW)], STORED)

    def test_a_controllers_clock_may_be_behind(self) -> None:
        changed = replace(DANA, password_set_at=NOW - timedelta(seconds=30))
        assert was_taken_over([changed], STORED)
