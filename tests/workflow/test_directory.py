"""The way to a directory, on a real Samba and with no functions around: rights, policies, names, faults."""

import secrets
import select
import socket
import string
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import pytest
from ldap3 import MODIFY_ADD, MODIFY_REPLACE

from latchkey.adapters.directory_accounts import DirectoryAccounts
from latchkey.adapters.directory_passwords import DirectoryPasswords
from latchkey.adapters.directory_users import DirectoryUsers
from latchkey.adapters.ldap import Login, Settings
from latchkey.adapters.ldap_session import Session
from latchkey.domain.directory_groups import relative_identifier
from latchkey.domain.directory_users import DirectoryUser, ensure_eligible
from latchkey.domain.passwords import generate_password
from latchkey.domain.users import PasswordReset
from latchkey.errors import (
    DirectoryChangeError,
    DirectorySearchError,
    LatchkeyError,
    PasswordPolicyViolationError,
    UserNotEligibleError,
    UserNotFoundError,
)
from local.cloud import LocalCloud
from local.directory.samba import BASE, RESET_ACCOUNT, RIGHTS, SERVICE_ACCOUNT, USERS_BASE
from local.driver.directory import DISABLED, MUST_CHANGE, SIGNED_IN, WRONG_PASSWORD, Directory
from tools.check_delegation import check

OLD_PASSWORD = "0ld-Passw0rd-of-the-user"
#: Every character that a generated password may hold besides letters and digits.
PASSWORD = f"Aa0{string.punctuation}"
DOWN = "localhost:1"
#: The beginning of 2020, as the directory writes times.
LONG_AGO = "132223104000000000"

#: https://learn.microsoft.com/windows/win32/adschema/a-grouptype
GLOBAL_DISTRIBUTION_GROUP = "2"


@pytest.fixture(scope="module")
def directory(cloud: LocalCloud) -> Directory:
    assert cloud.directory is not None, "there is no directory"
    return Directory(cloud.directory)


class Product:
    """What the functions inside the directory's network do, at any hosts."""

    def __init__(self, directory: Directory, *hosts: str, protected: tuple[str, ...] = ()) -> None:
        samba = directory.samba
        settings = Settings(hosts or (samba.host,), (samba.ca,), (USERS_BASE,), protected, 5)
        self._reader = DirectoryUsers(settings, Login(SERVICE_ACCOUNT, samba.password))
        self._passwords = DirectoryPasswords(
            replace(self._reader, login=Login(RESET_ACCOUNT, samba.password))
        )

    def find(self, typed: str) -> DirectoryUser:
        user, _ = self._reader.find(typed)
        ensure_eligible(user, datetime.now(UTC))
        return user

    def generate(self, typed: str) -> str:
        _, policy = self._reader.find(typed)
        return generate_password(policy, 20)

    def set(self, identity: UUID, password: str = PASSWORD) -> DirectoryUser:
        return self._passwords.set(identity, password, datetime.now(UTC))

    def revoke(self, identity: UUID) -> bool:
        now = datetime.now(UTC)
        return self._passwords.revoke(identity, PasswordReset(begun_at=now, stored_at=now))


@pytest.fixture(scope="module")
def product(directory: Directory) -> Product:
    return Product(directory)


def name_of_group(group: str) -> str:
    return group.partition(",")[0].removeprefix("CN=")


def identity_of(directory: Directory, name: str) -> UUID:
    return UUID(directory.account(name).partition("/")[2])


@pytest.mark.parametrize(
    ("name", "common_name"),
    [("o'brien 20 letters x", 'O\'Brien, "Zoë" \\ <Ünï> #1;+='), ("zoë.müller", "c" * 64)],
)
def test_any_name_of_a_person_is_found_and_takes_a_password_of_any_characters(
    directory: Directory, product: Product, name: str, common_name: str
) -> None:
    login = f"u-{secrets.token_hex(6)}"
    mail, principal = f"{login}@mail.example.com", f"{login}@corp.example.com"
    directory.create_user(
        OLD_PASSWORD, sAMAccountName=name, mail=mail, userPrincipalName=principal, cn=common_name
    )
    found = {product.find(typed).identity for typed in (name, name.upper(), mail, principal)}
    assert product.set(found.pop()).name == name
    assert found == set()
    assert directory.sign_in(login, PASSWORD) == MUST_CHANGE
    directory.delete(name)


@pytest.mark.parametrize(
    "typed",
    ["*", "*)(objectClass=*", "u-*", "x)(|(cn=*", "\\2a", "x\0", "Administrator", "krbtgt", "latchkey"],
)
def test_what_is_typed_finds_no_one_else(directory: Directory, product: Product, typed: str) -> None:
    directory.create_user(OLD_PASSWORD)
    with pytest.raises(UserNotFoundError):
        product.find(typed)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("computer", {}),
        ("msDS-ManagedServiceAccount", {}),
        ("msDS-GroupManagedServiceAccount", {"msDS-ManagedPasswordInterval": 30}),
    ],
)
def test_no_machine_and_no_managed_service_is_anyone(
    directory: Directory, product: Product, kind: str, more: dict[str, Any]
) -> None:
    mail = f"{kind.lower()}@corp.example.com"
    # Its name may be at most twenty characters long.
    name = directory.create_machine(kind, mail=mail, **more)
    for typed in (name, mail, str(identity_of(directory, name))):
        with pytest.raises(UserNotFoundError):
            product.find(typed)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"userAccountControl": "514"}, "is disabled"),
        ({"accountExpires": LONG_AGO}, "has expired"),
        ({"userAccountControl": str(0x40200)}, "smart card"),
        ({"userAccountControl": str(0x10200)}, "never expires"),
        ({"adminCount": "1"}, "adminCount"),
        ({"mail": None}, "no mail address"),
        ({"mail": "two@addresses@corp.example.com"}, "no mail address"),
        ({"in": "Domain Admins"}, "the group Domain Admins"),
        ({"primary": "Domain Admins"}, "the group Domain Admins"),
    ],
)
def test_who_may_not_be_reset_is_refused_as_found_and_right_before_the_change(
    directory: Directory, product: Product, attributes: dict[str, Any], reason: str
) -> None:
    given = {key: value for key, value in attributes.items() if key not in {"in", "primary"}}
    name = directory.create_user(OLD_PASSWORD, **given)
    administrators = f"CN=Domain Admins,CN=Users,{BASE}"
    if "in" in attributes:
        inner = directory.create_group()
        directory.join(inner, administrators)
        directory.join(directory.distinguished_name(name), inner)
    if "primary" in attributes:
        directory.join(directory.distinguished_name(name), administrators)
        directory.change(name, primaryGroupID="512")
    with pytest.raises(UserNotEligibleError, match=reason):
        product.find(name)
    with pytest.raises(UserNotEligibleError, match=reason):
        product.set(identity_of(directory, name))
    if reason != "smart card":
        assert directory.sign_in(name, OLD_PASSWORD) != WRONG_PASSWORD


@pytest.mark.parametrize(
    ("hidden", "error", "reason"),
    [
        (["memberOf"], UserNotEligibleError, "the group Domain Admins"),
        (["memberOf", "tokenGroups"], DirectorySearchError, "may not read tokenGroups"),
    ],
)
def test_an_administrator_whose_groups_the_service_accounts_may_not_read_is_refused(
    directory: Directory, product: Product, hidden: list[str], error: type[LatchkeyError], reason: str
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    directory.join(directory.distinguished_name(name), f"CN=Domain Admins,CN=Users,{BASE}")
    directory.hide(name, *hidden)
    with pytest.raises(error, match=reason):
        product.find(name)
    with pytest.raises(error, match=reason):
        product.set(identity_of(directory, name))
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN
    directory.delete(name)


def test_administrators_are_refused_whatever_their_group_is_called(
    directory: Directory, product: Product
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    directory.join(directory.distinguished_name(name), f"CN=Domain Admins,CN=Users,{BASE}")
    directory.change("Domain Admins", sAMAccountName="Domänen-Admins")
    try:
        with pytest.raises(UserNotEligibleError, match="the group Domain Admins"):
            product.find(name)
    finally:
        directory.change("Domänen-Admins", sAMAccountName="Domain Admins")


def test_groups_that_the_stack_names_protect_by_name_and_by_distinguished_name(directory: Directory) -> None:
    name, group = directory.create_user(OLD_PASSWORD), directory.create_group()
    directory.join(directory.distinguished_name(name), group)
    common_name = name_of_group(group)
    for named in (common_name, group):
        with pytest.raises(UserNotEligibleError, match=f"the group {named}"):
            Product(directory, protected=(named,)).find(name)
    # One for mail alone, which no one's token holds.
    directory.change(common_name, groupType=GLOBAL_DISTRIBUTION_GROUP)
    for named in (common_name, f"CN=No such group,{BASE}"):
        with pytest.raises(DirectorySearchError, match=f"names {named}: {BASE} has no such security group"):
            Product(directory, protected=(named,)).find(name)


def test_reminders_leave_out_people_whose_primary_group_is_excluded_or_within(directory: Directory) -> None:
    people = [directory.create_user(OLD_PASSWORD) for _ in range(3)]
    group, inner = directory.create_group(), directory.create_group()
    directory.join(inner, group)
    for name, primary in zip(people, (group, inner), strict=False):
        directory.join(directory.distinguished_name(name), primary)
        identifier = directory.read(name_of_group(primary), "objectSid")["objectSid"][0]
        directory.change(name, primaryGroupID=str(relative_identifier(identifier)))
    samba = directory.samba
    accounts = DirectoryAccounts(
        Settings((samba.host,), (samba.ca,), (USERS_BASE,)), Login(SERVICE_ACCOUNT, samba.password), group
    )
    found = {each.user: each.excluded for each in accounts.all() if each.user in people}
    assert list(map(found.get, people)) == [True, True, False]


def test_a_policy_of_the_users_own_is_met_and_else_the_domains(
    directory: Directory, product: Product
) -> None:
    strict, other = directory.create_user(OLD_PASSWORD), directory.create_user(OLD_PASSWORD)
    directory.apply_policy(strict, 24)
    with directory.policy(minPwdLength=22):
        passwords = {name: product.generate(name) for name in (strict, other)}
    assert {name: len(password) for name, password in passwords.items()} == {strict: 24, other: 22}
    for name, password in passwords.items():
        product.set(identity_of(directory, name), password)
        assert directory.sign_in(name, password) == MUST_CHANGE


def test_a_policy_that_became_stricter_meanwhile_leaves_the_old_password(
    directory: Directory, product: Product
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    password = product.generate(name)
    directory.apply_policy(name, 24)
    with pytest.raises(PasswordPolicyViolationError, match="24 characters"):
        product.set(identity_of(directory, name), password)
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN


@pytest.mark.parametrize(
    ("change", "refused", "revoked"),
    [
        # The delegation ends where the search bases do: those on call are told, and revoke by hand.
        (lambda directory, name: directory.move(name), UserNotFoundError, DirectoryChangeError),
        (lambda directory, name: directory.delete(name), UserNotFoundError, False),
        (
            lambda directory, name: directory.change(name, userAccountControl="514"),
            UserNotEligibleError,
            True,
        ),
    ],
    ids=["moved", "deleted", "disabled"],
)
def test_what_became_of_a_user_between_two_states(
    directory: Directory,
    product: Product,
    change: Callable[[Directory, str], None],
    refused: type[LatchkeyError],
    revoked: bool | type[LatchkeyError],  # noqa: FBT001  # pytest gives it by its name
) -> None:
    """Before the password is set, and before it is revoked."""
    name = directory.create_user(OLD_PASSWORD)
    identity = product.find(name).identity
    change(directory, name)
    with pytest.raises(refused):
        product.set(identity)
    other = directory.create_user(OLD_PASSWORD)
    identity = product.set(product.find(other).identity).identity
    change(directory, other)
    if isinstance(revoked, bool):
        assert product.revoke(identity) is revoked
        # A disabled account stays it, whatever is tried there.
        assert directory.sign_in(other, PASSWORD) in {WRONG_PASSWORD, DISABLED}
    else:
        with pytest.raises(revoked):
            product.revoke(identity)


def test_a_user_who_was_renamed_is_still_the_same(directory: Directory, product: Product) -> None:
    name = directory.create_user(OLD_PASSWORD)
    identity = product.find(name).identity
    directory.rename(name, f"r{name}")
    assert product.set(identity).name == f"r{name}"
    assert directory.sign_in(f"r{name}", PASSWORD) == MUST_CHANGE


def lacking(directory: Directory) -> list[str]:
    """Return what the check of the delegation misses; it also names users to whom a test gave adminCount."""
    with directory.signed_in(RESET_ACCOUNT) as connection:
        return [each for each in check(connection, [USERS_BASE]) if "lacks" in each]


@pytest.mark.parametrize("missing", RIGHTS)
def test_each_right_is_needed_and_without_it_nothing_is_changed(
    directory: Directory, product: Product, missing: str
) -> None:
    assert lacking(directory) == []
    name = directory.create_user(OLD_PASSWORD)
    directory.withhold(name, missing)
    (found,) = lacking(directory)
    assert {"Reset password": "reset the password"}.get(missing, f"write {missing}") in found
    with pytest.raises(DirectoryChangeError, match="a right is not delegated"):
        product.set(identity_of(directory, name))
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN
    directory.delete(name)


def test_the_delegated_account_may_write_nothing_else(directory: Directory) -> None:
    name, elsewhere = directory.create_user(OLD_PASSWORD), directory.create_user(OLD_PASSWORD)
    directory.move(elsewhere)
    administrator = f"CN=Administrator,CN=Users,{BASE}"
    user, moved = directory.distinguished_name(name), directory.distinguished_name(elsewhere)
    password = {"unicodePwd": [(MODIFY_REPLACE, ['"Aa0!aaaaaaaaaaaa"'.encode("utf-16-le")])]}
    refused = {}
    with directory.signed_in(RESET_ACCOUNT) as connection:
        for what, target, changes in (
            ("another attribute", user, {"displayName": [(MODIFY_REPLACE, ["x"])]}),
            ("its mail", user, {"mail": [(MODIFY_REPLACE, ["thief@example.com"])]}),
            ("enable it", user, {"userAccountControl": [(MODIFY_REPLACE, ["512"])]}),
            ("a group", f"CN=Domain Admins,CN=Users,{BASE}", {"member": [(MODIFY_ADD, [user])]}),
            ("a user elsewhere", moved, password),
            ("an administrator", administrator, password),
        ):
            connection.modify(target, changes)
            refused[what] = connection.result["description"]
        connection.add(f"CN=new,{USERS_BASE}", "user", {"sAMAccountName": "new"})
        refused["create"] = connection.result["description"]
        connection.delete(user)
        refused["delete"] = connection.result["description"]
        connection.modify_dn(user, user.partition(",")[0], new_superior=BASE)
        refused["move"] = connection.result["description"]
    assert set(refused.values()) == {"insufficientAccessRights"}, refused
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN


def test_the_check_names_policies_that_the_account_that_reads_may_not_read(directory: Directory) -> None:
    name = directory.create_user(OLD_PASSWORD)
    directory.apply_policy(name, 24)
    with directory.signed_in(SERVICE_ACCOUNT) as connection:
        assert list(check(connection, [])) == []
    with directory.signed_in(RESET_ACCOUNT) as connection:
        found = [each for each in check(connection, []) if "read the policy" in each]
    assert [each.partition(":")[0] for each in found] == ["The account lacks the right to read the policy"]


type Lost = Literal["request", "answer"]


@dataclass(frozen=True)
class Loss:
    """What is lost of the first call of a method of `Session`, and whether the controller comes back."""

    during: Literal["search", "replace"]
    of: Lost
    comes_back: bool


class Relay:
    """Another address of a directory, which loses a connection when it is told to."""

    def __init__(self, target: str) -> None:
        host, _, port = target.partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"localhost:{self._listener.getsockname()[1]}"
        self._loss: Loss | None = None
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def lose(self, loss: Loss) -> None:
        """Cut the connection instead of passing on the next request, or the answer to it."""
        self._loss = loss

    def close(self) -> None:
        """Take no more connections, and wait for those that are there."""
        self._go_down()
        for thread in self._threads:
            thread.join()

    def _go_down(self) -> None:
        # Else the thread that accepts would not notice.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._pass_on, args=(client,)))
                self._threads[-1].start()

    def _pass_on(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._target) as server:
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    passing, sink = ("request", server) if source is client else ("answer", client)
                    if self._loss and self._loss.of == passing:
                        if not self._loss.comes_back:
                            self._go_down()
                        self._loss = None
                        return
                    sink.sendall(data)


@pytest.fixture
def relay(directory: Directory) -> Iterator[Relay]:
    with closing(Relay(directory.samba.host)) as relay:
        yield relay


@pytest.mark.parametrize(
    ("loss", "changes"),
    [
        (Loss("replace", "answer", comes_back=True), 1),
        (Loss("replace", "request", comes_back=True), 2),
        (Loss("replace", "answer", comes_back=False), 1),
        (Loss("replace", "request", comes_back=False), 2),
        (Loss("search", "answer", comes_back=False), 1),
    ],
)
def test_what_became_of_a_change_whose_connection_was_lost_is_asked(
    directory: Directory, relay: Relay, monkeypatch: pytest.MonkeyPatch, loss: Loss, changes: int
) -> None:
    """The same controller is asked, or where it stays away the next one."""
    name = directory.create_user(OLD_PASSWORD)
    identity = identity_of(directory, name)
    calls = {"replace": 0, "search": 0}

    def losing(method: str) -> Callable[..., Any]:
        original = getattr(Session, method)

        def call(*given: Any) -> Any:  # noqa: ANN401  # whatever the method takes and returns
            calls[method] += 1
            if method == loss.during and calls[method] == 1:
                relay.lose(loss)
            return original(*given)

        return call

    for method in calls:
        monkeypatch.setattr(Session, method, losing(method))
    Product(directory, relay.host, directory.samba.host).set(identity)
    assert calls["replace"] == changes
    assert directory.sign_in(name, PASSWORD) == MUST_CHANGE


def test_a_controller_that_is_down_is_passed_over(directory: Directory) -> None:
    product = Product(directory, DOWN, directory.samba.host)
    name = directory.create_user(OLD_PASSWORD)
    identity = product.set(product.find(name).identity).identity
    assert directory.sign_in(name, PASSWORD) == MUST_CHANGE
    assert product.revoke(identity)
    assert directory.sign_in(name, PASSWORD) == WRONG_PASSWORD
