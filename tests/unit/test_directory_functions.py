"""The functions inside the directory's network: what they are asked, and what they answer."""

from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from directory import find_directory_user, revoke_directory_password, set_directory_password
from latchkey.errors import SealBrokenError, UserNotEligibleError
from reset import unlock_directory_account
from tests.unit.stack import CONTEXT, EXECUTION, Stack
from tests.unit.stack import PASSWORD as SEALED
from tests.unit.test_directory_passwords import IDENTITY, LOGIN, NOW, PEOPLE, Controller, Network, ticks
from tests.unit.test_ldap import AUTHORITY

ACCOUNT = f"directory/{IDENTITY}"
MAIL = "dana@corp.example.com"
DANA = {"user": ACCOUNT, "name": "dana", "mail": MAIL}


def run(function: ModuleType, **event: Any) -> Any:  # noqa: ANN401  # a function's event and result
    return function.handler({"execution": EXECUTION, "user": ACCOUNT, **event}, CONTEXT)


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> Controller:
    """Return the one controller of the directory that every function reaches."""
    controller = Controller()
    controller.groups = {"Helpdesk": 2001, "Payroll": 2000}
    network = Network(controller)
    monkeypatch.setattr("latchkey.adapters.ldap.Connection", network)
    monkeypatch.setattr("latchkey.adapters.ldap_session.Connection", network)
    for name, value in {
        "DIRECTORY_HOSTS": controller.name,
        "DIRECTORY_CA_CERTIFICATE": AUTHORITY,
        "DIRECTORY_SEARCH_BASES": PEOPLE,
        "DIRECTORY_PROTECTED_GROUPS": "Helpdesk; Payroll;",
        "DIRECTORY_ADDRESS_ATTRIBUTE": "mail",
        "DIRECTORY_SECRET": "latchkey-test/directory",
    }.items():
        monkeypatch.setenv(name, value)
    for function in (
        find_directory_user,
        revoke_directory_password,
        set_directory_password,
        unlock_directory_account,
    ):
        monkeypatch.setattr(function, "read_login", lambda _secret: LOGIN)
    return controller


@pytest.mark.parametrize("typed", ["directory/dana", f"directory/{MAIL}", ACCOUNT])
def test_a_user_is_found_by_what_was_typed(controller: Controller, typed: str) -> None:
    controller.entry["preferredLanguage"] = b"de"
    found = run(find_directory_user, user=typed, address="")
    assert {key: found[key] for key in DANA} == DANA
    assert (found["language"], found["policy"]["minimum_length"]) == ("de", 7)


def test_a_person_finds_only_the_account_of_the_own_address(controller: Controller) -> None:
    assert run(find_directory_user, address=MAIL.upper())["name"] == "dana"
    with pytest.raises(UserNotEligibleError):
        run(find_directory_user, address="mallory@corp.example.com")
    assert controller.changes == []


def test_a_user_who_may_not_be_reset_is_not_found(controller: Controller) -> None:
    controller.entry["userAccountControl"] = b"514"
    with pytest.raises(UserNotEligibleError, match="dana is disabled"):
        run(find_directory_user, address="")


def test_members_of_every_protected_group_are_not_found(controller: Controller) -> None:
    controller.token_groups.append(2000)
    with pytest.raises(UserNotEligibleError, match="the group Payroll"):
        run(find_directory_user, address="")


def test_the_sealed_password_is_set(sealing_stack: Stack, controller: Controller) -> None:
    assert run(set_directory_password, sealed=sealing_stack.seal(user=ACCOUNT)) == DANA
    assert (controller.password, controller.entry["pwdLastSet"]) == (SEALED, b"0")


@pytest.mark.parametrize("sealed_for", [("another", ACCOUNT), (EXECUTION, "another")])
def test_a_password_that_was_sealed_for_another_reset_or_user_is_not_set(
    sealing_stack: Stack, controller: Controller, sealed_for: tuple[str, str]
) -> None:
    with pytest.raises(SealBrokenError):
        run(set_directory_password, sealed=sealing_stack.seal(*sealed_for))
    assert controller.changes == []


def test_a_password_is_revoked_unless_it_was_changed(controller: Controller) -> None:
    times = {"begun_at": int(NOW.timestamp()), "stored_at": int((NOW + timedelta(seconds=2)).timestamp())}
    times["disowned"] = False
    controller.entry["pwdLastSet"] = ticks(NOW + timedelta(minutes=5))
    assert run(revoke_directory_password, **times) == {"revoked": False}
    controller.entry["pwdLastSet"] = b"0"
    assert run(revoke_directory_password, **times) == {"revoked": True}


def test_a_password_that_its_owner_disowns_is_revoked_whatever_became_of_it(controller: Controller) -> None:
    assert run(revoke_directory_password, begun_at=1, stored_at=1, disowned=True) == {"revoked": True}
    assert controller.password != "of the user"


def test_an_account_is_unlocked(controller: Controller) -> None:
    assert run(unlock_directory_account) == DANA
    assert [set(changes) for _, changes in controller.changes] == [{"lockoutTime"}]
