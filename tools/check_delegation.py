"""Check from outside what a service account may do: to reset passwords three rights on users, to read none.

`python -m tools.check_delegation --host … --ca … --account …`
with a `--base` for each search base, or with none for the account that only reads, asks for the password,
reads what the account may do to each user, and changes nothing. It ends with 1 where something is too much or
too little; the account that only reads has to see into the fine-grained policies that decide about users, the
other one which groups users of the bases are in.
"""

import argparse
import getpass
import ssl
import struct
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ldap3 import BASE, NONE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPNoSuchObjectResult
from ldap3.protocol.microsoft import security_descriptor_control

#: What the account has to write, and nothing else.
NEEDED = frozenset({"lockoutTime", "pwdLastSet"})

#: ldap3's, whose own types let every answer be missing.
type AnyConnection = Any

_PEOPLE = "(&(objectCategory=person)(objectClass=user))"
_POLICY = "msDS-ResultantPSO"
#: All security groups that a user is in, or that the connection's own account is in.
_GROUPS = "tokenGroups"
_LDAPS_PORT = 636
_PAGE = 500
#: The extended right *Reset Password*, and the bit of an access mask that grants extended rights.
#: https://learn.microsoft.com/openspecs/windows_protocols/ms-adts, sections 5.1.3.2 and 5.1.3.2.1
_RESET_PASSWORD = UUID("00299570-246d-11d0-a768-00aa006e0529")
_EXTENDED_RIGHTS = 0x100
#: https://learn.microsoft.com/openspecs/windows_protocols/ms-dtyp, sections 2.4.4 to 2.4.6
_ALLOWED, _DENIED, _ALLOWED_OBJECT, _DENIED_OBJECT = 0, 1, 5, 6
_INHERIT_ONLY = 0x08
_HAS_OBJECT, _HAS_INHERITED_OBJECT = 1, 2
_DACL_ONLY = 4


@dataclass(frozen=True, slots=True)
class Rights:
    """What an account may do to an entry: attributes it writes, kinds of entries it creates below."""

    entry: str
    writes: frozenset[str] = frozenset()
    resets_password: bool = False
    creates: frozenset[str] = frozenset()
    changes_rights: bool = False


def may_reset(descriptor: bytes, identities: frozenset[bytes]) -> bool:
    """Tell whether a security descriptor lets one of these identities reset the password.

    The first entry that speaks of it decides, as Windows keeps them in that order.
    """
    (start,) = struct.unpack_from("<I", descriptor, 16)
    (count,) = struct.unpack_from("<H", descriptor, start + 4)
    position = start + 8
    for _ in range(count):
        kind, flags, size, mask = struct.unpack_from("<BBHI", descriptor, position)
        rest = descriptor[position + 8 : position + size]
        position += size
        speaks_of = _RESET_PASSWORD
        if kind in {_ALLOWED_OBJECT, _DENIED_OBJECT}:
            (parts,) = struct.unpack_from("<I", rest)
            rest = rest[4:]
            if parts & _HAS_OBJECT:
                speaks_of, rest = UUID(bytes_le=rest[:16]), rest[16:]
            if parts & _HAS_INHERITED_OBJECT:
                rest = rest[16:]
        elif kind not in {_ALLOWED, _DENIED}:
            continue
        if flags & _INHERIT_ONLY or not mask & _EXTENDED_RIGHTS:
            continue
        if speaks_of == _RESET_PASSWORD and rest in identities:
            return kind in {_ALLOWED, _ALLOWED_OBJECT}
    return False


def findings(
    people: Iterable[tuple[Rights, bool]],
    containers: Iterable[Rights],
    unread: Iterable[tuple[str, str]] = (),
) -> Iterator[str]:
    """Say what is too much or too little; nothing where it is right.

    Args:
        people: what the account may do to each user, and whether it has to be able to reset that one.
        containers: what it may do to the search bases and the domain.
        unread: what it would have to read and may not, and of which entry.
    """
    found: dict[str, list[str]] = {}
    for rights, within in people:
        needed = NEEDED if within else frozenset()
        wrong = [f"lacks the right to write {name}" for name in sorted(needed - rights.writes)]
        wrong += [f"may write {name}" for name in sorted(rights.writes - needed)]
        if rights.resets_password is not within:
            wrong.append("lacks the right to reset the password" if within else "may reset the password")
        if rights.creates or rights.changes_rights:
            wrong.append("may create entries below it, or change who may do what to it")
        for each in wrong:
            found.setdefault(each, []).append(rights.entry)
    for rights in containers:
        if rights.writes or rights.creates or rights.changes_rights:
            found.setdefault("may change it, create entries below it, or change rights", []).append(
                rights.entry
            )
    for what, entry in unread:
        found.setdefault(f"lacks the right to read {what}", []).append(entry)
    for wrong_right, entries in sorted(found.items()):
        more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
        yield f"The account {wrong_right}: {entries[0]}{more}"


def check(connection: AnyConnection, bases: Collection[str]) -> Iterator[str]:
    """Say what is too much or too little for a connection's account: one that only reads without bases.

    Raises:
        LookupError: when the directory has no such base.
    """
    people, containers, policies = read(connection, bases)
    within = [rights.entry for rights, inside in people if inside]
    unread = _hidden(connection, within) if bases else _unread(connection, policies)
    yield from findings(people, containers, unread)


def read(
    connection: AnyConnection, bases: Collection[str]
) -> tuple[list[tuple[Rights, bool]], list[Rights], set[str]]:
    """Read what a connection's account may do to the domain's users and the bases, and users' policies.

    Raises:
        LookupError: when the directory has no such base.
    """
    connection.search("", "(objectClass=*)", BASE, attributes=[_GROUPS, "defaultNamingContext"])
    root = _entries(connection)[0][1]
    identities, domain = frozenset(root[_GROUPS]), root["defaultNamingContext"][0].decode()
    people, policies = [], set()
    wanted = ["allowedAttributesEffective", "sDRightsEffective", "allowedChildClassesEffective"]
    for name, values in _pages(
        connection, domain, [*wanted, "nTSecurityDescriptor", "adminCount", "objectSid", _POLICY]
    ):
        policies |= {each.decode() for each in values[_POLICY]}
        # What everyone may write of their own entry is no delegation.
        if values["objectSid"][0] in identities:
            continue
        inside = any(name.lower().endswith(base.lower()) for base in bases)
        within = inside and values["adminCount"] != [b"1"]
        people.append((_rights(name, values, identities), within))
    containers = []
    for name in (domain, *bases):
        connection.search(name, "(objectClass=*)", BASE, attributes=wanted)
        found = _entries(connection)
        if not found:
            raise LookupError(f"The directory has no {name}.")
        containers += [_rights(name, values, identities) for _, values in found]
    return people, containers, policies


def _hidden(connection: AnyConnection, people: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Look at one user of each container: a controller computes it for one at a time, and at some cost."""
    for user in {name.partition(",")[2]: name for name in people}.values():
        connection.search(user, "(objectClass=*)", BASE, attributes=[_GROUPS])
        if not any(values[_GROUPS] for _, values in _entries(connection)):
            yield _GROUPS, user


def _unread(connection: AnyConnection, policies: Iterable[str]) -> Iterator[tuple[str, str]]:
    for policy in sorted(policies):
        length = "msDS-MinimumPasswordLength"
        # One that may not be seen at all is an error.
        with suppress(LDAPNoSuchObjectResult):
            connection.search(policy, "(objectClass=*)", BASE, attributes=[length])
            if any(values[length] for _, values in _entries(connection)):
                continue
        yield "the policy", policy


def _rights(name: str, values: Mapping[str, Any], identities: frozenset[bytes]) -> Rights:
    descriptor: list[bytes] = values.get("nTSecurityDescriptor") or []
    return Rights(
        name,
        writes=frozenset(each.decode() for each in values["allowedAttributesEffective"]),
        resets_password=bool(descriptor) and may_reset(descriptor[0], identities),
        creates=frozenset(each.decode() for each in values["allowedChildClassesEffective"]),
        changes_rights=values["sDRightsEffective"] not in ([], [b"0"]),
    )


def _pages(
    connection: AnyConnection, domain: str, attributes: list[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    cookie: bytes | None = None
    while cookie != b"":
        connection.search(
            domain,
            _PEOPLE,
            SUBTREE,
            attributes=attributes,
            paged_size=_PAGE,
            paged_cookie=cookie,
            controls=security_descriptor_control(sdflags=_DACL_ONLY),
        )
        yield from _entries(connection)
        control = (connection.result.get("controls") or {}).get("1.2.840.113556.1.4.319", {})
        cookie = control.get("value", {}).get("cookie") or b""


def _entries(connection: AnyConnection) -> list[tuple[str, Mapping[str, Any]]]:
    found = [each for each in connection.response or [] if each["type"] == "searchResEntry"]
    return [(each["dn"], each["raw_attributes"]) for each in found]


def main() -> int:
    """Check one account, and say what was found."""
    parser = argparse.ArgumentParser(description="Check what a service account may do in the directory.")
    parser.add_argument("--host", required=True, help="a domain controller, with a port if it is not 636")
    parser.add_argument("--ca", required=True, help="a file with its authority's certificate, as PEM")
    parser.add_argument("--account", required=True, help="the account's user principal name")
    parser.add_argument(
        "--base", action="append", default=[], help="a search base, again for each; none if it only reads"
    )
    given = parser.parse_args()
    host, _, port = given.host.partition(":")
    tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=given.ca, valid_names=[host])
    server = Server(host, int(port or _LDAPS_PORT), use_ssl=True, tls=tls, get_info=NONE)
    password = getpass.getpass(f"Password of {given.account}: ")
    # By a referral ldap3 would sign in elsewhere, and without TLS: for a mistyped base, at a stranger's.
    with Connection(
        server, given.account, password, raise_exceptions=True, auto_referrals=False
    ) as connection:
        found = list(check(connection, given.base))
    right = "has its three rights on the users below the bases, and no other" if given.base else "only reads"
    for each in found or [f"The account {right}."]:
        sys.stdout.write(f"{each}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
