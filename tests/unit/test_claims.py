"""How a link is named, what it proves, and when it is over."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from latchkey.claims import (
    Claim,
    Handle,
    execution_name,
    generate_link_secret,
    hash_link_secret,
    reset_key,
    user_key,
)
from latchkey.kms import Secrets
from latchkey.mails import Mail
from tests.unit.stack import ALICE, EXECUTION, EXPIRY, HANDLE, LINK_SECRET, NOW, PASSWORD

WINDOW = timedelta(minutes=15)
MOMENT = timedelta(microseconds=1)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
# Ten decimal digits of Unix seconds: from 2001 to 2286.
moments = st.integers(10**9, 9_990_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def claim(expires_at: datetime = EXPIRY) -> Claim:
    return Claim(
        user=ALICE,
        execution=EXECUTION,
        stored_at=expires_at - timedelta(hours=1),
        expires_at=expires_at,
        secret_sha256=hash_link_secret(LINK_SECRET),
        password=PASSWORD,
    )


@given(user=texts, execution=texts, expires_at=moments)
def test_a_handle_survives_being_spelled_and_parsed(user: str, execution: str, expires_at: datetime) -> None:
    handle = Handle.of(user, execution, expires_at)
    assert Handle.parse(str(handle)) == handle


@given(st.text())
def test_other_text_is_no_handle(text: str) -> None:
    assume(not re.fullmatch(r"[0-9a-f]{16}\.[0-9]{10}\.[0-9a-f]{32}", text, re.ASCII))
    assert Handle.parse(text) is None


@given(st.from_regex(r"[0-9a-f]{16}\.[1-9][0-9]{9}\.[0-9a-f]{32}", fullmatch=True))
def test_whatever_looks_like_a_handle_is_spelled_as_it_was_read(text: str) -> None:
    assert str(Handle.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        str(HANDLE) + "\n",
        " " + str(HANDLE),
        str(HANDLE).upper(),
        str(HANDLE).replace(".", "/"),
        "../" + str(HANDLE),
        str(HANDLE)[:-1],
        str(HANDLE) + "0",
        str(HANDLE).replace("4102444800", "٤١٠٢٤٤٤٨٠٠"),
    ],
)
def test_a_near_miss_is_no_handle(text: str) -> None:
    assert Handle.parse(text) is None


def test_a_handle_has_the_documented_form() -> None:
    assert str(HANDLE) == f"{user_key(ALICE)}.4102444800.{reset_key(EXECUTION)}"


def test_a_retry_of_the_same_execution_gets_the_same_handle() -> None:
    assert Handle.of(ALICE, EXECUTION, EXPIRY) == Handle.of(ALICE.upper(), EXECUTION, EXPIRY)


def test_another_execution_gets_another_handle() -> None:
    assert Handle.of(ALICE, EXECUTION, EXPIRY) != Handle.of(ALICE, EXECUTION + "2", EXPIRY)


def test_a_handle_counts_whole_seconds() -> None:
    assert Handle.of(ALICE, EXECUTION, EXPIRY + timedelta(milliseconds=999)) == HANDLE


@given(user=texts, now=moments, minutes=st.integers(1, 1440))
def test_step_functions_takes_every_execution_name(user: str, now: datetime, minutes: int) -> None:
    # https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html (name)
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,80}", execution_name(user, now, timedelta(minutes=minutes)))


@given(
    user=texts,
    start=st.integers(10**6, 8 * 10**6),
    first=st.floats(0, 899.999),
    second=st.floats(0, 899.999),
)
def test_requests_in_one_window_share_a_name(user: str, start: int, first: float, second: float) -> None:
    window = datetime.fromtimestamp(start * 900, UTC)
    names = {execution_name(user, window + timedelta(seconds=s), WINDOW) for s in (first, second)}
    assert len(names) == 1


@given(user=texts, now=moments)
def test_the_next_window_has_another_name(user: str, now: datetime) -> None:
    assert execution_name(user, now, WINDOW) != execution_name(user, now + WINDOW, WINDOW)


def test_a_window_ends_where_the_next_begins() -> None:
    begin = datetime(2026, 3, 1, 9, 15, tzinfo=UTC)
    assert execution_name(ALICE, begin - MOMENT, WINDOW).endswith("-20260301T0900Z")
    assert execution_name(ALICE, begin, WINDOW).endswith("-20260301T0915Z")


@given(now=moments, users=st.lists(st.emails().map(str.lower), min_size=2, max_size=2, unique=True))
def test_users_do_not_share_a_window(now: datetime, users: list[str]) -> None:
    assert len({execution_name(user, now, WINDOW) for user in users}) == 2


@given(user=st.text(st.characters(codec="ascii"), max_size=64), now=moments)
def test_case_makes_no_other_user(user: str, now: datetime) -> None:
    assert execution_name(user.upper(), now, WINDOW) == execution_name(user.lower(), now, WINDOW)


@pytest.mark.parametrize(
    ("name", "other"),
    [("sam", "\N{LATIN SMALL LETTER LONG S}am"), ("kim", "\N{KELVIN SIGN}im"), ("strasse", "straße")],
)
def test_a_name_iam_cannot_have_does_not_use_up_anothers_window(name: str, other: str) -> None:
    assert execution_name(name, NOW, WINDOW) != execution_name(other, NOW, WINDOW)


def test_the_right_secret_opens_before_expiry() -> None:
    assert claim().opens_with(LINK_SECRET, NOW)


@pytest.mark.parametrize(
    "wrong", ["", LINK_SECRET[:-1], LINK_SECRET + "a", LINK_SECRET.lower(), hash_link_secret(LINK_SECRET)]
)
def test_another_secret_does_not_open(wrong: str) -> None:
    assert not claim().opens_with(wrong, NOW)


@pytest.mark.parametrize(("before", "opens"), [(MOMENT, True), (timedelta(), False), (-MOMENT, False)])
def test_a_claim_is_over_at_the_moment_of_its_expiry(before: timedelta, *, opens: bool) -> None:
    assert claim().opens_with(LINK_SECRET, EXPIRY - before) is opens


def test_a_wrong_secret_does_not_open_after_expiry_either() -> None:
    assert not claim().opens_with("wrong", EXPIRY)


def test_link_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare_digest(one: str, other: str) -> bool:
        compared.append({one, other})
        return False

    monkeypatch.setattr("hmac.compare_digest", compare_digest)
    assert not claim().opens_with(LINK_SECRET, NOW)
    assert compared == [{hash_link_secret(LINK_SECRET)}]


def test_a_link_secret_is_43_characters_of_base64url() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", generate_link_secret())


def test_link_secrets_do_not_repeat() -> None:
    assert len({generate_link_secret() for _ in range(1000)}) == 1000


def test_a_link_secret_is_kept_as_its_sha_256() -> None:
    # The well-known digest of "abc": FIPS 180-2, appendix B.1.
    assert hash_link_secret("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    "holder",
    [
        claim(),
        Secrets(PASSWORD, LINK_SECRET),
        Mail("subject", f"text {LINK_SECRET}", f"<p>{LINK_SECRET}</p>"),
    ],
    ids=["claim", "secrets", "mail"],
)
def test_what_holds_a_secret_does_not_show_it(holder: object) -> None:
    shown = f"{holder!r} {holder}"
    assert not [s for s in (PASSWORD, LINK_SECRET, hash_link_secret(LINK_SECRET)) if s in shown]
