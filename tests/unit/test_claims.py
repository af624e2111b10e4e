"""How a link is named, what it proves, and when it is over."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from latchkey.adapters.kms import Secrets
from latchkey.domain.claims import (
    Handle,
    MailedLink,
    generate_link_secret,
    hash_link_secret,
    new_execution_name,
    proves,
    reset_key,
    user_key,
)
from latchkey.emails import Mail
from latchkey.errors import ClaimGoneError
from tests.unit.stack import ALICE, EXECUTION, LINK_SECRET, PASSWORD

EXPIRY = datetime(2100, 1, 1, tzinfo=UTC)
HANDLE = Handle.of(ALICE, EXECUTION, EXPIRY)
MOMENT = timedelta(microseconds=1)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
# Ten decimal digits of Unix seconds: from 2001 to 2286.
moments = st.integers(10**9, 9_990_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(user=texts, execution=texts, expires_at=moments)
def test_a_handle_survives_being_spelled_and_parsed(user: str, execution: str, expires_at: datetime) -> None:
    handle = Handle.of(user, execution, expires_at)
    assert Handle.parse(str(handle)) == handle


@pytest.mark.parametrize("page", ["extract", "confirm", "revoke"])
def test_a_mails_link_and_code_say_the_same(page: str) -> None:
    words = MailedLink(page, str(HANDLE), LINK_SECRET).words("https://reset.example.com/dev")
    assert words["link"] == f"https://reset.example.com/dev/{page}#ph={HANDLE}&rs={LINK_SECRET}"
    written = re.fullmatch(rf"{page}(\w{{32}})(\d{{10}})(\w{{32}})([\w-]{{43}})", words["code"])
    assert written is not None
    assert (".".join(written.groups()[:3]), written[4]) == (str(HANDLE), LINK_SECRET)


def test_a_mailed_links_secret_is_in_no_representation() -> None:
    assert LINK_SECRET not in repr(MailedLink("extract", str(HANDLE), LINK_SECRET))


@given(st.text())
def test_other_text_is_no_handle(text: str) -> None:
    assume(not re.fullmatch(r"[0-9a-f]{32}\.[0-9]{10}\.[0-9a-f]{32}", text, re.ASCII))
    assert Handle.parse(text) is None


@given(st.from_regex(r"[0-9a-f]{32}\.[1-9][0-9]{9}\.[0-9a-f]{32}", fullmatch=True))
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
    with pytest.raises(ClaimGoneError):
        Handle.in_time(text, EXPIRY - MOMENT)


def test_a_handle_has_the_documented_form() -> None:
    assert str(HANDLE) == f"{user_key(ALICE)}.4102444800.{reset_key(EXECUTION)}"


def test_a_retry_of_the_same_execution_gets_the_same_handle() -> None:
    assert Handle.of(ALICE, EXECUTION, EXPIRY + timedelta(milliseconds=999)) == HANDLE


def test_another_execution_gets_another_handle() -> None:
    assert Handle.of(ALICE, EXECUTION, EXPIRY) != Handle.of(ALICE, EXECUTION + "2", EXPIRY)


@pytest.mark.parametrize("ahead", [MOMENT, timedelta(minutes=5), timedelta(hours=24)])
def test_a_handle_in_its_time_may_lead_somewhere(ahead: timedelta) -> None:
    assert Handle.in_time(str(HANDLE), EXPIRY - ahead) == HANDLE


@pytest.mark.parametrize(
    "ahead", [timedelta(), -MOMENT, timedelta(days=-365), timedelta(hours=24, minutes=2), timedelta(days=365)]
)
def test_a_handle_past_its_time_or_further_ahead_than_any_link_leads_nowhere(ahead: timedelta) -> None:
    with pytest.raises(ClaimGoneError):
        Handle.in_time(str(HANDLE), EXPIRY - ahead)


@given(user=texts)
def test_step_functions_takes_every_execution_name(user: str) -> None:
    # https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html (name)
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,80}", new_execution_name(user))


def test_a_name_begins_with_the_users_key_and_cannot_be_computed() -> None:
    names = {new_execution_name(ALICE) for _ in range(1000)}
    assert len(names) == 1000
    assert {name.partition("-")[0] for name in names} == {user_key(ALICE)}
    assert {len(name.partition("-")[2]) for name in names} == {32}, "128 random bits"


@given(names=st.lists(texts, min_size=2, max_size=2, unique=True))
def test_every_spelling_has_a_key_of_its_own(names: list[str]) -> None:
    assert len({user_key(name) for name in names}) == 2


def test_a_key_has_the_documented_form() -> None:
    # printf %s alice@example.com | sha256sum | cut -c1-32
    assert user_key(ALICE) == "ff8d9819fc0e12bf0d24892e45987e24"


def test_a_proof_is_of_this_very_handle_and_secret() -> None:
    other = Handle(HANDLE.user_key, EXPIRY + timedelta(seconds=1), HANDLE.reset_key)
    proofs = {HANDLE.proof(LINK_SECRET), other.proof(LINK_SECRET), HANDLE.proof(LINK_SECRET + "x")}
    assert len(proofs) == 3
    assert HANDLE.proof(LINK_SECRET) == hash_link_secret(f"{HANDLE}&{LINK_SECRET}")


@pytest.mark.parametrize(
    "wrong", ["", LINK_SECRET[:-1], LINK_SECRET + "a", LINK_SECRET.lower(), hash_link_secret(LINK_SECRET)]
)
def test_only_the_secret_itself_proves_anything(wrong: str) -> None:
    assert proves(LINK_SECRET, hash_link_secret(LINK_SECRET))
    assert not proves(wrong, hash_link_secret(LINK_SECRET))


def test_link_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare_digest(one: str, other: str) -> bool:
        compared.append({one, other})
        return False

    monkeypatch.setattr("hmac.compare_digest", compare_digest)
    assert not proves(LINK_SECRET, hash_link_secret(LINK_SECRET))
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
    [Secrets(PASSWORD, LINK_SECRET), Mail("subject", f"text {LINK_SECRET}", f"<p>{LINK_SECRET}</p>")],
    ids=["secrets", "mail"],
)
def test_what_holds_a_secret_does_not_show_it(holder: object) -> None:
    shown = f"{holder!r} {holder}"
    assert not [s for s in (PASSWORD, LINK_SECRET, hash_link_secret(LINK_SECRET)) if s in shown]
