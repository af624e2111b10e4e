"""What the check of the delegation makes of access lists, entry by entry."""

import struct
from unittest.mock import MagicMock
from uuid import UUID

import pytest

from tools import check_delegation
from tools.check_delegation import NEEDED, Rights, findings, may_reset, read

OURS, OTHERS = b"\x01\x01" + bytes(10), b"\x01\x02" + bytes(14)
RESET = UUID("00299570-246d-11d0-a768-00aa006e0529")
CHANGE = UUID("ab721a53-1e2f-11d0-9819-00aa0040529b")
USERS = UUID("bf967aba-0de6-11d0-a285-00aa003049e2")
EXTENDED, WRITE = 0x100, 0x20
RIGHT = Rights("CN=dana", writes=NEEDED, resets_password=True)


def plain(who: bytes, mask: int = EXTENDED, *, kind: int = 0, flags: int = 0) -> bytes:
    return struct.pack("<BBHI", kind, flags, 8 + len(who), mask) + who


def about(right: UUID | None, who: bytes, *, kind: int = 5, flags: int = 0, inherited: bool = True) -> bytes:
    parts = [each.bytes_le for each in (right, USERS if inherited else None) if each]
    rest = struct.pack("<I", (right is not None) + 2 * inherited) + b"".join(parts) + who
    return struct.pack("<BBHI", kind, flags, 8 + len(rest), EXTENDED) + rest


def descriptor(*entries: bytes) -> bytes:
    body = b"".join(entries)
    access_list = struct.pack("<BBHHH", 4, 0, 8 + len(body), len(entries), 0) + body
    return struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 20) + access_list


@pytest.mark.parametrize(
    ("entries", "may"),
    [
        ([], False),
        ([about(RESET, OURS)], True),
        ([about(RESET, OURS, inherited=False)], True),
        ([about(None, OURS)], True),
        ([plain(OURS)], True),
        ([about(RESET, OTHERS), plain(OTHERS)], False),
        ([about(CHANGE, OURS)], False),
        ([plain(OURS, WRITE)], False),
        # It says what entries below inherit, and nothing of this one.
        ([about(RESET, OURS, flags=0x0A)], False),
        ([about(RESET, OURS, kind=6), about(RESET, OURS)], False),
        ([about(RESET, OURS), plain(OURS, kind=1)], True),
        ([plain(OURS, kind=1), about(RESET, OURS)], False),
        # One of audits, which grants nothing.
        ([plain(OURS, kind=2), about(RESET, OURS)], True),
    ],
)
def test_the_first_entry_that_speaks_of_it_decides(entries: list[bytes], *, may: bool) -> None:
    assert may_reset(descriptor(*entries), frozenset({OURS})) is may


def test_what_is_right_is_not_named() -> None:
    admin, elsewhere = Rights("CN=admin"), Rights("CN=elsewhere")
    assert list(findings([(RIGHT, True), (admin, False), (elsewhere, False)], [Rights("OU=People")])) == []


def test_a_policy_that_may_not_be_read_is_named() -> None:
    unread = [("the policy", "CN=Strict"), ("the policy", "CN=Short")]
    assert list(findings([], [], unread)) == [
        "The account lacks the right to read the policy: CN=Strict and 1 more"
    ]


def test_a_container_whose_users_groups_may_not_be_read_is_named_by_one_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["CN=a,OU=Open", "CN=b,OU=Open", "CN=c,OU=Closed", "CN=d,OU=Closed"]
    people = [(Rights(name, NEEDED, resets_password=True), True) for name in names]
    administrator = (Rights("CN=e,OU=Elsewhere"), False)
    monkeypatch.setattr(check_delegation, "read", lambda *_: ([*people, administrator], [], set()))
    connection, asked = MagicMock(), []

    def search(name: str, *_: object, **__: object) -> None:
        asked.append(name)
        groups = {"tokenGroups": [OURS] if "Open" in name else []}
        connection.response = [{"type": "searchResEntry", "dn": name, "raw_attributes": groups}]

    connection.search = search
    found = list(check_delegation.check(connection, ["DC=corp"]))
    assert found == ["The account lacks the right to read tokenGroups: CN=d,OU=Closed"]
    assert asked == ["CN=b,OU=Open", "CN=d,OU=Closed"]


@pytest.mark.parametrize(
    ("rights", "within", "said"),
    [
        (
            Rights("CN=dana", frozenset({"pwdLastSet"}), resets_password=True),
            True,
            "lacks the right to write lock",
        ),
        (Rights("CN=dana", NEEDED), True, "lacks the right to reset the password: CN=dana"),
        (Rights("CN=dana", NEEDED | {"mail"}, resets_password=True), True, "may write mail: CN=dana"),
        (Rights("CN=admin", resets_password=True), False, "may reset the password: CN=admin"),
        (Rights("CN=admin", frozenset({"lockoutTime"})), False, "may write lockoutTime: CN=admin"),
        (Rights("CN=x", creates=frozenset({"user"})), False, "may create entries below it"),
        (Rights("CN=x", changes_rights=True), False, "change who may do what"),
    ],
)
def test_what_is_too_much_or_too_little_is(rights: Rights, said: str, *, within: bool) -> None:
    (found,) = findings([(rights, within)], [])
    assert said in found


def test_many_users_are_counted() -> None:
    found = list(findings([(Rights(f"CN={n}", NEEDED), True) for n in range(9)], []))
    assert found == ["The account lacks the right to reset the password: CN=0 and 8 more"]


def test_a_base_where_entries_can_be_created_is_named() -> None:
    (found,) = findings([], [Rights("OU=People", creates=frozenset({"user"}))])
    assert found.endswith("OU=People")


def test_the_password_goes_to_the_named_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a base of a mistyped domain a controller refers to it, and ldap3 would sign in there in clear."""
    connected = MagicMock(side_effect=ConnectionError)
    monkeypatch.setattr(check_delegation, "Connection", connected)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: "Service-Passw0rd")
    monkeypatch.setattr(check_delegation, "Tls", MagicMock())
    monkeypatch.setattr(check_delegation, "Server", MagicMock())
    monkeypatch.setattr(
        "sys.argv", ["check", "--host", "dc1", "--ca", "ca.pem", "--account", "a@b", "--base", "DC=b"]
    )
    with pytest.raises(ConnectionError):
        check_delegation.main()
    assert connected.call_args.kwargs["auto_referrals"] is False


def test_a_base_that_the_directory_does_not_have_is_named() -> None:
    """A controller answers with a referral and no entry, which would look like a base where all is right."""
    root = {"tokenGroups": [OURS], "defaultNamingContext": [b"DC=corp"]}
    domain: dict[str, list[bytes]] = {
        "allowedAttributesEffective": [],
        "allowedChildClassesEffective": [],
        "sDRightsEffective": [],
    }
    known = {"": root, "DC=corp": domain}
    connection = MagicMock(result={})

    def search(name: str, what: str, *_: object, **__: object) -> None:
        entry = {"type": "searchResEntry", "dn": name, "raw_attributes": known.get(name)}
        connection.response = [entry] if name in known and "person" not in what else []

    connection.search = search
    with pytest.raises(LookupError, match="DC=crop"):
        read(connection, ["OU=Users,DC=crop"])
