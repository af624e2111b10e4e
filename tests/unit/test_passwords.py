"""Generated passwords satisfy every policy of IAM; the checker knows IAM's documentation alone."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latchkey.domain.passwords import LOOK_ALIKES, PasswordPolicy, generate_password

LENGTHS = range(12, 129)
#: "At least one non-alphanumeric character": https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html
NON_ALPHANUMERIC = r"[!@#$%^&*()_+\-=\[\]{}|']"
PASSWORDS_PER_EXAMPLE = 20


@dataclass(frozen=True)
class AccountPolicy:
    """What UpdateAccountPasswordPolicy takes, as far as it concerns a single new password."""

    minimum_length: int
    uppercase: bool
    lowercase: bool
    numbers: bool
    symbols: bool

    def accepts(self, password: str) -> bool:
        demanded = [
            (self.uppercase, "[A-Z]"),
            (self.lowercase, "[a-z]"),
            (self.numbers, "[0-9]"),
            (self.symbols, NON_ALPHANUMERIC),
        ]
        return self.minimum_length <= len(password) <= 128 and all(
            re.search(pattern, password) for wanted, pattern in demanded if wanted
        )


def accepted_by_default(password: str) -> bool:
    """Tell whether IAM takes a password where no policy is set: 8 characters, three of four classes."""
    classes = sum(bool(re.search(c, password)) for c in ("[A-Z]", "[a-z]", "[0-9]", NON_ALPHANUMERIC))
    return 8 <= len(password) <= 128 and classes >= 3


policies = st.builds(
    AccountPolicy,
    minimum_length=st.integers(6, 128),
    uppercase=st.booleans(),
    lowercase=st.booleans(),
    numbers=st.booleans(),
    symbols=st.booleans(),
)


# 500 examples of 20 passwords each: 10,000. A source that can be asked again shows again what it found.
@settings(max_examples=500)
@given(policy=policies, length=st.sampled_from(LENGTHS), source=st.integers(0, 2**64).map(Random))
def test_ten_thousand_passwords_satisfy_the_policy_they_were_made_for(
    policy: AccountPolicy, length: int, source: Random
) -> None:
    wanted = PasswordPolicy(minimum_length=policy.minimum_length)
    for _ in range(PASSWORDS_PER_EXAMPLE):
        assert policy.accepts(generate_password(wanted, length, source.choice))


@pytest.mark.parametrize("minimum", [6, 8, 64, 128])
def test_every_length_satisfies_the_strictest_policy(minimum: int) -> None:
    strictest = AccountPolicy(minimum, uppercase=True, lowercase=True, numbers=True, symbols=True)
    for length in LENGTHS:
        assert strictest.accepts(generate_password(PasswordPolicy(minimum_length=minimum), length))


def test_every_length_satisfies_iams_default_policy() -> None:
    for length in LENGTHS:
        assert accepted_by_default(generate_password(PasswordPolicy(), length))


def test_the_default_policy_is_iams_eight_characters() -> None:
    assert PasswordPolicy().minimum_length == 8


@given(minimum=st.integers(6, 128), length=st.integers(4, 128))
def test_the_length_is_the_one_asked_for_unless_the_policy_demands_more(minimum: int, length: int) -> None:
    assert len(generate_password(PasswordPolicy(minimum), length)) == max(minimum, length)


@pytest.mark.parametrize("length", [4, 128])
def test_the_shortest_and_the_longest_password_can_be_made(length: int) -> None:
    assert len(generate_password(PasswordPolicy(minimum_length=1), length)) == length


@pytest.mark.parametrize(("minimum", "length"), [(1, 3), (1, 0), (1, -1), (8, 129), (129, 20)])
def test_a_length_no_password_can_have_is_refused(minimum: int, length: int) -> None:
    with pytest.raises(ValueError, match="4 to 128 characters"):
        generate_password(PasswordPolicy(minimum), length)


def test_every_character_is_one_iam_takes_and_easy_to_read() -> None:
    drawn = set("".join(generate_password(PasswordPolicy(), 128) for _ in range(200)))
    assert not drawn & LOOK_ALIKES
    assert all(c in string.ascii_letters + string.digits or re.match(NON_ALPHANUMERIC, c) for c in drawn)


def test_every_character_of_the_alphabet_is_about_equally_likely() -> None:
    drawn = Counter("".join(generate_password(PasswordPolicy(), 64) for _ in range(1500)))
    expected = drawn.total() / len(drawn)
    # 68 characters, each expected some 1,400 times: a quarter off is more than nine standard deviations.
    assert len(drawn) == 24 + 25 + 8 + 11
    assert all(0.75 * expected < count < 1.25 * expected for count in drawn.values())


def test_no_place_in_a_password_favours_a_class_of_characters() -> None:
    made = [generate_password(PasswordPolicy(), 12) for _ in range(4000)]
    shares = [sum(password[place] in string.digits for password in made) / len(made) for place in range(12)]
    # The standard deviation is about 0.006.
    assert max(shares) - min(shares) < 0.05


def test_passwords_are_drawn_by_the_given_source_of_randomness() -> None:
    wanted = cycle("aB3!")

    def choose(_alphabet: Sequence[str]) -> str:
        return next(wanted)

    assert generate_password(PasswordPolicy(), 12, choose) == "aB3!aB3!aB3!"


def test_a_draw_without_some_class_is_drawn_anew_as_a_whole() -> None:
    wanted = iter("aB3aB3aB3aB3aB3!aB3!aB3!")

    def choose(_alphabet: Sequence[str]) -> str:
        return next(wanted)

    assert generate_password(PasswordPolicy(), 12, choose) == "aB3!aB3!aB3!"
