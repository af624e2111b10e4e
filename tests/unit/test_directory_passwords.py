"""How a user of the directory is found, and how a password is set and revoked there, without a directory."""

import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from ldap3.core.exceptions import (
    LDAPConstraintViolationResult,
    LDAPInsufficientAccessRightsResult,
    LDAPNoSuchObjectResult,
    LDAPSocketReceiveError,
    LDAPUnwillingToPerformResult,
)

from latchkey.adapters import ldap, ldap_session
from latchkey.adapters.directory_passwords import DirectoryPasswords
from latchkey.adapters.directory_users import DirectoryUsers
from latchkey.adapters.ldap import Login, Settings
from latchkey.domain.directory_users import DirectoryUser
from latchkey.domain.passwords import PasswordPolicy
from latchkey.domain.users import PasswordReset
from latchkey.errors import (
    DirectoryChangeError,
    DirectorySearchError,
    DirectoryUnreachableError,
    PasswordPolicyViolationError,
    UserNotEligibleError,
    UserNotFoundError,
)
from tests.unit.test_ldap import AUTHORITY

ROOT, PEOPLE = "DC=corp", "OU=People,DC=corp"
IDENTITY = UUID("8af02d8d-ffa8-483b-a016-16e9f430b206")
DOMAIN = b"\x01\x05" + bytes(22)
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PASSWORD = "Sealed-Passw0rd"
LOST = LDAPSocketReceiveError("reset")
LOGIN = Login("latchkey@corp", "hunter2")
SETTINGS = Settings(("dc1", "dc2"), (AUTHORITY,), (PEOPLE,))


def ticks(moment: datetime) -> bytes:
    return str(int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000).encode()


def sid(relative: int) -> bytes:
    return DOMAIN + struct.pack("<I", relative)


class Controller:
    """Stands for ldap3's connection to a controller that has one user, and some groups it knows of.

    `fails` are errors that its next calls of a name raise, before or (`after`) once they were done.
    """

    def __init__(self, name: str = "dc1") -> None:
        self.name = name
        self.entry: dict[str, bytes] = {
            "objectGUID": IDENTITY.bytes_le,
            "sAMAccountName": b"dana",
            "distinguishedName": f"CN=dana,{PEOPLE}".encode(),
            "mail": b"dana@corp.example.com",
            "displayName": "Zoë Scully".encode(),
            "userAccountControl": b"512",
            "accountExpires": b"9223372036854775807",
            "pwdLastSet": ticks(NOW - timedelta(days=30)),
        }
        self.twins: list[dict[str, bytes]] = []
        #: Security groups that may be read, and those that the user is in, by what ends their identifiers.
        self.groups: dict[str, int] = {}
        self.token_groups = [513]
        self.own_policy: dict[str, bytes] | Exception | None = None
        self.fails: dict[str, list[Exception]] = {}
        self.after: dict[str, list[Exception]] = {}
        #: Whether it is a read-only controller, which refers to another for changes.
        self.refers = False
        self.password = "of the user"
        self.searches: list[tuple[str, str]] = []
        self.changes: list[tuple[str, dict[str, Any]]] = []

    def search(self, base: str, what: str) -> list[dict[str, Any]]:
        self.searches.append((base, what))
        self.fail("search")
        if base == "":
            return [{"defaultNamingContext": ROOT.encode()}]
        if base == f"<GUID={IDENTITY}>":
            return [{"tokenGroups": [sid(each) for each in self.token_groups]}]
        if base == "CN=Own":
            if isinstance(self.own_policy, Exception):
                raise self.own_policy
            return [self.own_policy] if self.own_policy else []
        if base == ROOT and what == "(objectClass=*)":
            return [{"minPwdLength": b"7"}]
        if "(objectClass=group)" in what:
            return [
                {
                    "distinguishedName": f"CN={name}".encode(),
                    "objectSid": sid(relative),
                }
                for name, relative in self.groups.items()
                if f"(sAMAccountName={name})" in what or f"(distinguishedName=CN={name})" in what
            ]
        return [self.entry, *self.twins] if self.entry else []

    def fail(self, call: str) -> None:
        if self.fails.get(call):
            raise self.fails[call].pop(0)

    def modify(self, name: str, changes: dict[str, Any]) -> None:
        self.fail("modify")
        self.changes.append((name, changes))
        values = {key: value[0][1][0] for key, value in changes.items()}
        if "unicodePwd" in values:
            self.password = values["unicodePwd"].decode("utf-16-le")[1:-1]
            self.entry["pwdLastSet"] = values["pwdLastSet"].encode()
        if self.after.get("modify"):
            raise self.after["modify"].pop(0)


class Network:
    """Stands for ldap3's connections: each leads to the controller of its server's name."""

    def __init__(self, *controllers: Controller) -> None:
        self.controllers = {each.name: each for each in controllers}
        self.hosts: list[str] = []
        self.tried: list[str] = []

    def __call__(self, server: Any, user: str, password: str, **more: Any) -> "Network.Connection":  # noqa: ANN401
        return Network.Connection(self, server, user, password, **more)

    class Connection:
        def __init__(
            self,
            network: "Network",
            server: Any,  # noqa: ANN401  # as above
            user: str,
            password: str,
            **more: Any,  # noqa: ANN401
        ) -> None:
            self.network, self.server, self.user, self.password = network, server, user, password
            self.read_only = more.get("read_only")
            self.controller = network.controllers.get(server.host)
            self.receive_timeout, self.closed, self.strategy = 5, False, self
            self.result: dict[str, Any] = {"result": 0, "description": "success", "message": ""}

        def close(self) -> None:
            self.closed = True

        def bind(self) -> bool:
            if self.controller is None:
                self.network.hosts.append(self.server.host)
                raise LOST
            if self.user == LOGIN.user:
                self.network.hosts.append(self.server.host)
                self.controller.fail("bind")
                return True
            self.network.tried.append(self.server.host)
            right = self.password == self.controller.password
            code = "773" if right and self.controller.entry["pwdLastSet"] == b"0" else "52e"
            self.result = {"result": 49, "message": f"80090308: LdapErr: DSID, data {code}, v1db1"}
            return False

        def search(self, base: str, what: str, _scope: str, **_: object) -> None:
            assert self.controller
            found = self.controller.search(base, what)
            self.response = [
                {
                    "type": "searchResEntry",
                    "raw_attributes": {
                        name: value if isinstance(value, list) else [value] for name, value in each.items()
                    },
                }
                for each in found
            ]

        def modify(self, name: str, changes: dict[str, Any]) -> None:
            assert self.controller
            assert not self.read_only
            if self.controller.refers:
                self.result = {"result": 10, "description": "referral", "message": ""}
            else:
                self.controller.modify(name, changes)


type Connect = Callable[..., Network]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    def build(*controllers: Controller) -> Network:
        network = Network(*controllers)
        for module in (ldap, ldap_session):
            monkeypatch.setattr(module, "Connection", network)
        return network

    return build


def users(*groups: str) -> DirectoryUsers:
    return DirectoryUsers(replace(SETTINGS, protected_groups=groups), LOGIN)


def find(name: str, *groups: str) -> tuple[DirectoryUser, PasswordPolicy]:
    return users(*groups).find(name)


def set_password() -> DirectoryUser:
    return DirectoryPasswords(users()).set(IDENTITY, PASSWORD, NOW)


class TestFinding:
    def test_a_user_is_found_with_what_the_password_has_to_meet(self, connect: Connect) -> None:
        controller = Controller()
        connect(controller)
        user, policy = find("dana")
        assert (user.identity, user.name, user.mail) == (IDENTITY, "dana", "dana@corp.example.com")
        assert policy == PasswordPolicy(minimum_length=7, forbidden=("dana", "scully", "zoë"))
        assert {base for base, what in controller.searches if "dana" in what} == {PEOPLE}

    @pytest.mark.parametrize("name", ["*)(objectClass=*", "a\\b", "(x)", "\x00", "Zoë *"])
    def test_what_is_typed_is_searched_as_text(self, connect: Connect, name: str) -> None:
        controller = Controller()
        connect(controller)
        find(name)
        (what,) = [what for base, what in controller.searches if base == PEOPLE]
        typed = what.partition("(sAMAccountName=")[2].partition(")(userPrincipalName")[0]
        assert not set("*()\x00") & set(typed)
        assert what.count("(") == 7

    def test_an_account_is_found_by_its_identity_alone(self, connect: Connect) -> None:
        controller = Controller()
        connect(controller)
        find(str(IDENTITY))
        (what,) = [what for base, what in controller.searches if base == PEOPLE]
        assert "(objectGUID=\\8d\\2d" in what
        assert "mail" not in what

    def test_no_user_is_told_without_what_was_typed(self, connect: Connect) -> None:
        controller = Controller()
        controller.entry = {}
        connect(controller)
        with pytest.raises(UserNotFoundError) as caught:
            find("hunter2-password")
        assert "hunter2" not in str(caught.value)

    def test_a_name_of_two_users_is_no_ones(
        self, connect: Connect, capsys: pytest.CaptureFixture[str]
    ) -> None:
        controller = Controller()
        twin = {**controller.entry, "objectGUID": UUID(int=2).bytes_le, "sAMAccountName": b"dana2"}
        controller.twins = [twin, controller.entry]
        connect(controller)
        with pytest.raises(UserNotEligibleError, match="dana, dana2"):
            find("dana@corp.example.com")
        assert '"NameAmbiguous":[1.0]' in capsys.readouterr().out

    def test_a_user_whom_two_bases_hold_is_one(self, connect: Connect) -> None:
        controller = Controller()
        controller.twins = [controller.entry]
        connect(controller)
        assert find("dana")[0].name == "dana"

    @pytest.mark.parametrize(
        ("policy", "length"),
        [
            ({"msDS-MinimumPasswordLength": b"30"}, 30),
            ({}, 7),
            (LDAPNoSuchObjectResult(description="noSuchObject"), 7),
        ],
    )
    def test_a_policy_of_the_users_own_decides_where_it_may_be_read(
        self,
        connect: Connect,
        policy: dict[str, bytes] | Exception,
        length: int,
    ) -> None:
        controller = Controller()
        controller.entry["msDS-ResultantPSO"] = b"CN=Own"
        controller.own_policy = policy
        connect(controller)
        assert find("dana")[1].minimum_length == length

    def test_members_of_protected_groups_are_seen_by_the_identifiers_of_the_groups(
        self, connect: Connect
    ) -> None:
        controller = Controller()
        controller.groups = {"Helpdesk": 2001, "Payroll": 2000}
        connect(controller)
        assert find("dana", "Helpdesk", "Payroll")[0].protected_by == ""
        controller.token_groups = [513, 2000]
        assert find("dana", "Helpdesk", "Payroll")[0].protected_by == "Payroll"
        assert find("dana", "CN=Payroll")[0].protected_by == "CN=Payroll"
        assert find("dana", "Helpdesk")[0].protected_by == ""
        controller.token_groups = [512]
        assert find("dana")[0].protected_by == "Domain Admins"

    def test_a_user_whose_groups_may_not_be_read_may_be_protected(self, connect: Connect) -> None:
        controller = Controller()
        controller.token_groups = []
        connect(controller)
        assert find("dana")[0].protected_by is None

    def test_a_protected_group_that_is_not_there_is_named_and_no_one_is_reset(self, connect: Connect) -> None:
        controller = Controller()
        controller.groups = {"Payroll": 2000}
        connect(controller)
        with pytest.raises(DirectorySearchError, match=r"names Pay\*roll: DC=corp has no such"):
            find("dana", "Payroll", "Pay*roll")
        # As text; what has no identifier, and what is for mail alone, would be in no user's token.
        what = controller.searches[-1][1]
        assert r"(sAMAccountName=Pay\2aroll)(distinguishedName=Pay\2aroll)" in what
        assert "(objectSid=*)(groupType:1.2.840.113556.1.4.803:=2147483648)" in what

    def test_the_next_controller_is_asked_where_one_is_lost(self, connect: Connect) -> None:
        first, second = Controller(), Controller("dc2")
        first.fails = {"search": [LOST]}
        network = connect(first, second)
        assert find("dana")[0].name == "dana"
        assert network.hosts == ["dc1", "dc2"]


class TestSetting:
    def test_one_modification_does_all_of_it(self, connect: Connect) -> None:
        controller = Controller()
        connect(controller)
        assert set_password().mail == "dana@corp.example.com"
        ((name, changes),) = controller.changes
        assert name == f"<GUID={IDENTITY}>"
        assert {key: value[0][1] for key, value in changes.items()} == {
            "unicodePwd": [f'"{PASSWORD}"'.encode("utf-16-le")],
            "pwdLastSet": ["0"],
            "lockoutTime": ["0"],
        }

    @pytest.mark.parametrize(
        "change",
        [
            {"userAccountControl": b"514"},
            {"adminCount": b"1"},
            {"accountExpires": ticks(NOW)},
            {"mail": b""},
        ],
    )
    def test_who_may_not_be_reset_by_then_is_not(self, connect: Connect, change: dict[str, bytes]) -> None:
        controller = Controller()
        controller.entry |= change
        connect(controller)
        with pytest.raises(UserNotEligibleError):
            set_password()
        assert controller.changes == []

    @pytest.mark.parametrize(
        ("groups", "error"), [([513, 512], UserNotEligibleError), ([], DirectorySearchError)]
    )
    def test_who_is_or_may_be_protected_by_then_is_not_either(
        self, connect: Connect, groups: list[int], error: type[Exception]
    ) -> None:
        controller = Controller()
        controller.token_groups = groups
        connect(controller)
        with pytest.raises(error):
            set_password()
        with pytest.raises(error):
            DirectoryPasswords(users()).unlock(IDENTITY, NOW)
        assert controller.changes == []

    def test_a_change_whose_answer_was_lost_is_found_out_by_asking(self, connect: Connect) -> None:
        first, second = Controller(), Controller("dc2")
        first.after = {"modify": [LOST]}
        network = connect(first, second)
        set_password()
        assert len(first.changes) == 1
        assert (network.hosts, network.tried) == (["dc1", "dc1"], ["dc1"])
        assert second.changes == []

    def test_a_change_that_was_not_made_is_made_then(self, connect: Connect) -> None:
        controller = Controller()
        controller.fails = {"modify": [LOST]}
        network = connect(controller)
        set_password()
        assert len(controller.changes) == 1
        # Whose password need not be changed is not asked with the new one: that would count as a failure.
        assert network.tried == []

    def test_a_user_who_had_to_change_the_password_before_gets_another(self, connect: Connect) -> None:
        controller = Controller()
        controller.entry["pwdLastSet"] = b"0"
        network = connect(controller)
        set_password()
        assert (network.tried, len(controller.changes)) == (["dc1"], 1)

    def test_a_controller_that_is_lost_after_the_change_leaves_it_to_the_next(self, connect: Connect) -> None:
        first, second = Controller(), Controller("dc2")
        first.after = {"modify": [LOST]}
        network = connect(first, second)
        first.fails = {"bind": []}
        original = first.modify

        def modify_and_die(name: str, changes: dict[str, Any]) -> None:
            network.controllers.pop("dc1")
            original(name, changes)

        first.modify = modify_and_die  # type: ignore[method-assign]
        set_password()
        assert network.hosts == ["dc1", "dc1", "dc2"]
        # The same password, whichever controller's change wins.
        assert first.password == second.password == PASSWORD

    @pytest.mark.parametrize(
        ("answer", "error", "words"),
        [
            (LDAPInsufficientAccessRightsResult(), DirectoryChangeError, "a right is not delegated"),
            (LDAPNoSuchObjectResult(), UserNotFoundError, "no longer"),
            (
                LDAPConstraintViolationResult(message="0000052D: check_password_restrictions\0"),
                PasswordPolicyViolationError,
                "policy refuses the password",
            ),
            (
                # As Windows says it.
                LDAPUnwillingToPerformResult(message="0000052D: SvcErr: DSID-031A12D2, problem 5003"),
                PasswordPolicyViolationError,
                "policy refuses the password",
            ),
            (
                LDAPConstraintViolationResult(description="constraintViolation", message="00002081"),
                DirectorySearchError,
                "constraintViolation",
            ),
        ],
    )
    def test_a_refusal_is_named(
        self, connect: Connect, answer: Exception, error: type[Exception], words: str
    ) -> None:
        controller = Controller()
        controller.fails = {"modify": [answer]}
        connect(controller)
        with pytest.raises(error, match=words) as caught:
            set_password()
        assert PASSWORD not in str(caught.value)

    def test_a_controller_that_takes_no_changes_is_passed_over(self, connect: Connect) -> None:
        first, second = Controller(), Controller("dc2")
        first.refers = True
        connect(first, second)
        set_password()
        assert (first.password, second.password) == ("of the user", PASSWORD)

    def test_every_controller_is_asked_before_it_is_given_up(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        third = Controller("dc3")
        connect(third)
        monkeypatch.setattr(f"{__name__}.SETTINGS", replace(SETTINGS, hosts=("dc1", "dc2", "dc3")))
        set_password()
        assert len(third.changes) == 1

    def test_no_controller_at_all_is_worth_another_try(self, connect: Connect) -> None:
        network = connect()
        with pytest.raises(DirectoryUnreachableError):
            set_password()
        assert network.hosts == ["dc1", "dc1", "dc2", "dc2"]


class TestUnlocking:
    def unlock(self) -> DirectoryUser:
        return DirectoryPasswords(users()).unlock(IDENTITY, NOW)

    def test_nothing_but_the_lock_is_touched(self, connect: Connect) -> None:
        controller = Controller()
        connect(controller)
        assert self.unlock().mail == "dana@corp.example.com"
        ((name, changes),) = controller.changes
        assert name == f"<GUID={IDENTITY}>"
        assert {key: value[0][1] for key, value in changes.items()} == {"lockoutTime": ["0"]}

    def test_who_may_not_be_reset_is_not_unlocked(self, connect: Connect) -> None:
        controller = Controller()
        controller.entry["adminCount"] = b"1"
        connect(controller)
        with pytest.raises(UserNotEligibleError):
            self.unlock()
        assert controller.changes == []

    def test_a_lost_connection_is_tried_again(self, connect: Connect) -> None:
        first, second = Controller(), Controller("dc2")
        first.fails = {"modify": [LOST]}
        connect(first, second)
        self.unlock()
        assert (len(first.changes), len(second.changes)) == (0, 1)


class TestRevoking:
    reset = PasswordReset(begun_at=NOW, stored_at=NOW + timedelta(seconds=2))

    def revoke(self, reset: PasswordReset | None) -> bool:
        return DirectoryPasswords(users()).revoke(IDENTITY, reset)

    def pair(self, connect: Connect) -> tuple[Controller, Controller, Network]:
        first, second = Controller(), Controller("dc2")
        for each in (first, second):
            each.entry["pwdLastSet"] = b"0"
            each.password = PASSWORD
        return first, second, connect(first, second)

    def test_an_unknown_password_takes_the_place_of_the_resets(self, connect: Connect) -> None:
        first, second, _ = self.pair(connect)
        assert self.revoke(self.reset)
        ((name, changes),) = first.changes
        assert name == f"<GUID={IDENTITY}>"
        # It unlocks, enables and moves nothing.
        assert set(changes) == {"unicodePwd", "pwdLastSet"}
        assert first.password != PASSWORD
        assert len(first.password) == 128
        assert second.changes == []

    def test_what_was_changed_is_left_alone_whichever_controller_knows(self, connect: Connect) -> None:
        first, second, network = self.pair(connect)
        second.entry["pwdLastSet"] = ticks(NOW + timedelta(minutes=5))
        assert not self.revoke(self.reset)
        assert (first.changes, second.changes, network.hosts) == ([], [], ["dc1", "dc2"])

    def test_what_its_owner_disowns_is_revoked_whatever_became_of_it(self, connect: Connect) -> None:
        first, _, _ = self.pair(connect)
        first.entry["pwdLastSet"] = ticks(NOW + timedelta(minutes=5))
        assert self.revoke(None)

    def test_what_was_never_set_leaves_the_old_password(self, connect: Connect) -> None:
        first, second, _ = self.pair(connect)
        for each in (first, second):
            each.entry["pwdLastSet"] = ticks(NOW - timedelta(days=30))
        assert not self.revoke(PasswordReset(begun_at=NOW))
        assert self.revoke(self.reset)

    def test_a_controller_that_is_down_is_passed_over(self, connect: Connect) -> None:
        first, second, network = self.pair(connect)
        network.controllers.pop("dc1")
        assert self.revoke(self.reset)
        assert (len(first.changes), len(second.changes)) == (0, 1)

    def test_a_controller_that_takes_no_changes_is_passed_over(self, connect: Connect) -> None:
        first, second, _ = self.pair(connect)
        first.refers = True
        assert self.revoke(None)
        assert second.password != PASSWORD
        second.refers = True
        with pytest.raises(DirectoryUnreachableError, match="referral"):
            self.revoke(None)

    def test_where_none_answers_it_is_tried_again(self, connect: Connect) -> None:
        connect()
        with pytest.raises(DirectoryUnreachableError):
            self.revoke(self.reset)

    def test_a_user_who_is_gone_needs_no_undoing(self, connect: Connect) -> None:
        first, second, _ = self.pair(connect)
        first.entry, second.entry = {}, {}
        assert not self.revoke(self.reset)

    def test_a_user_who_was_moved_is_found(self, connect: Connect) -> None:
        first, _, _ = self.pair(connect)
        assert self.revoke(self.reset)
        assert {base for base, what in first.searches if "objectGUID" in what} == {ROOT}
