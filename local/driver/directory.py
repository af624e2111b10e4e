"""The local cloud's directory as its users and its administrators see it, for the demo and the tests."""

from __future__ import annotations

import secrets
import ssl
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from ldap3 import BASE as THIS_ENTRY
from ldap3 import MODIFY_ADD, MODIFY_REPLACE, NONE, Connection, Server, Tls
from ldap3.protocol.microsoft import security_descriptor_control
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

from local.directory.samba import BASE, REALM, RIGHTS, SERVICE_ACCOUNT, USERS_BASE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from local.directory.samba import Samba

#: What a sign-in is answered: https://learn.microsoft.com/windows/win32/debug/system-error-codes--1300-1699-
SIGNED_IN: Final = "signed in"
MUST_CHANGE: Final = "773"
WRONG_PASSWORD: Final = "52e"  # noqa: S105  # a code
LOCKED: Final = "775"
DISABLED: Final = "533"

_ADMINISTRATOR = f"Administrator@{REALM}"
_NORMAL_ACCOUNT, _MACHINE_ACCOUNT = "512", "4096"
# Flags of a security descriptor and of its entries:
# https://learn.microsoft.com/openspecs/windows_protocols/ms-dtyp, sections 2.4.4.1 and 2.4.6
_IS_PROTECTED, _IS_INHERITED = 0x1000, 0x10
_DACL = 4
_DENIED_OBJECT, _READ_PROPERTY, _HAS_OBJECT = 6, 0x10, 1
#: Authenticated Users: https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers
_ALL_WHO_SIGN_IN = b"\x01\x01\0\0\0\0\0\x05\x0b\0\0\0"
#: What says which groups a user is in: https://learn.microsoft.com/windows/win32/adschema
MEMBERSHIPS = {
    "memberOf": UUID("bf967991-0de6-11d0-a285-00aa003049e2"),
    "tokenGroups": UUID("b7c69e6d-2cc7-11d2-854e-00a0c983f608"),
}
_DAY_TICKS = 24 * 3600 * 10_000_000


@dataclass(frozen=True)
class Directory:
    """A Samba domain controller, by LDAPS."""

    samba: Samba

    @contextmanager
    def signed_in(self, user: str, password: str = "") -> Generator[Any]:
        """Connect as a user; without a password as one of those that a new directory has."""
        tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.samba.folder / "ca.pem"))
        host, _, port = self.samba.host.partition(":")
        server = Server(host, int(port), use_ssl=True, tls=tls, get_info=NONE)
        connection = Connection(server, user, password or self.samba.password)
        try:
            connection.bind()
            yield connection
        finally:
            connection.unbind()

    @contextmanager
    def administered(self) -> Generator[Any]:
        """Connect as the administrator."""
        with self.signed_in(_ADMINISTRATOR) as connection:
            yield connection

    def create_user(self, password: str, **attributes: Any) -> str:  # noqa: ANN401  # of any attribute
        """Create a user with a mail address, and return its name; `cn` may be any text."""
        name = f"u-{secrets.token_hex(6)}"
        given = {
            "sAMAccountName": name,
            "userPrincipalName": f"{name}@{REALM}",
            "mail": f"{name}@{REALM}",
            "userAccountControl": _NORMAL_ACCOUNT,
            "unicodePwd": f'"{password}"'.encode("utf-16-le"),
        } | attributes
        common_name = escape_rdn(given.pop("cn", name))
        with self.administered() as connection:
            wanted = {key: value for key, value in given.items() if value is not None}
            _succeed(connection, connection.add(f"CN={common_name},{USERS_BASE}", "user", wanted))
        return str(given["sAMAccountName"])

    def create_machine(self, kind: str, **attributes: Any) -> str:  # noqa: ANN401  # as above
        """Create a computer or a managed service account, of that object class, and return its name."""
        name = f"m-{secrets.token_hex(6)}$"
        given = {"sAMAccountName": name, "userAccountControl": _MACHINE_ACCOUNT} | attributes
        with self.administered() as connection:
            _succeed(connection, connection.add(f"CN={name.rstrip('$')},{USERS_BASE}", kind, given))
        return name

    def change(self, name: str, **attributes: Any) -> None:  # noqa: ANN401  # as above
        """Replace attributes of a user or a group, as an administrator."""
        with self.administered() as connection:
            changes = {key: [(MODIFY_REPLACE, [value])] for key, value in attributes.items()}
            _succeed(connection, connection.modify(self.distinguished_name(name), changes))

    def rename(self, name: str, new: str) -> None:
        """Give a user another name, everywhere."""
        with self.administered() as connection:
            _succeed(connection, connection.modify_dn(self.distinguished_name(name), f"CN={new}"))
        with self.administered() as connection:
            changes = {
                "sAMAccountName": [(MODIFY_REPLACE, [new])],
                "userPrincipalName": [(MODIFY_REPLACE, [f"{new}@{REALM}"])],
            }
            _succeed(connection, connection.modify(f"CN={new},{USERS_BASE}", changes))

    def move(self, name: str, to: str = BASE) -> None:
        """Move a user out of the search bases."""
        name = self.distinguished_name(name)
        with self.administered() as connection:
            first = name.removesuffix(f",{USERS_BASE}")
            _succeed(connection, connection.modify_dn(name, first, new_superior=to))

    def delete(self, name: str) -> None:
        """Delete a user."""
        with self.administered() as connection:
            _succeed(connection, connection.delete(self.distinguished_name(name)))

    def join(self, name: str, group: str) -> None:
        """Make a user or a group a member of a group, by distinguished name."""
        with self.administered() as connection:
            members = {"member": [(MODIFY_ADD, [name])]}
            _succeed(connection, connection.modify(group, members))

    def create_group(self) -> str:
        """Create a group, and return its distinguished name."""
        name = f"g-{secrets.token_hex(6)}"
        with self.administered() as connection:
            group = f"CN={name},{BASE}"
            _succeed(connection, connection.add(group, "group", {"sAMAccountName": name}))
        return group

    def read(self, name: str, *attributes: str) -> dict[str, list[bytes]]:
        """Return the raw values of attributes of a user or a group; empty where there is none of the name."""
        with self.administered() as connection:
            named = f"(sAMAccountName={escape_filter_chars(name)})"
            connection.search(BASE, named, attributes=list(attributes))
            found = [each for each in connection.response if each["type"] == "searchResEntry"]
        return dict(found[0]["raw_attributes"]) if found else {}

    def distinguished_name(self, name: str) -> str:
        """Return the distinguished name of a user or a group."""
        return self.read(name, "distinguishedName")["distinguishedName"][0].decode()

    def account(self, name: str) -> str:
        """Return the name of a user's account, as the registry knows it."""
        return f"directory/{UUID(bytes_le=self.read(name, 'objectGUID')['objectGUID'][0])}"

    def sign_in(self, name: str, password: str) -> str:
        """Try a password: `SIGNED_IN`, or the code by which a controller says why not."""
        with self.signed_in(f"{name}@{REALM}", password) as connection:
            if connection.bound:
                return SIGNED_IN
            return str(connection.result["message"]).partition("data ")[2].partition(",")[0]

    def change_password(self, name: str, old: str, new: str) -> bool:
        """Change a password as its owner does, who has to know the old one."""
        name = self.distinguished_name(name)
        with self.signed_in(SERVICE_ACCOUNT) as connection:
            return bool(connection.extend.microsoft.modify_password(name, new, old))

    def withhold(self, name: str, *rights: str) -> None:
        """Take delegated rights on a user away, of `RIGHTS`; without any named all, as AdminSDHolder does."""
        unwanted = [UUID(RIGHTS[each].partition(";")[2]) for each in rights or RIGHTS]
        self._change_rights(name, lambda known: _descriptor(known, unwanted=unwanted))

    def hide(self, name: str, *attributes: str) -> None:
        """Let no one read attributes of a user, of `MEMBERSHIPS`."""
        hidden = [MEMBERSHIPS[each] for each in attributes]
        self._change_rights(name, lambda known: _descriptor(known, hidden=hidden))

    def _change_rights(self, name: str, change: Callable[[bytes], bytes]) -> None:
        user = self.distinguished_name(name)
        control = security_descriptor_control(sdflags=_DACL)
        with self.administered() as connection:
            connection.search(
                user, "(objectClass=*)", THIS_ENTRY, attributes=["nTSecurityDescriptor"], controls=control
            )
            (known,) = connection.response[0]["raw_attributes"]["nTSecurityDescriptor"]
            changes = {"nTSecurityDescriptor": [(MODIFY_REPLACE, [change(known)])]}
            _succeed(connection, connection.modify(user, changes, controls=control))

    def apply_policy(self, name: str, minimum_length: int) -> None:
        """Let a fine-grained policy of its own decide about a user's password."""
        policy = {
            "msDS-PasswordSettingsPrecedence": 1,
            "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
            "msDS-PasswordHistoryLength": 24,
            "msDS-PasswordComplexityEnabled": "TRUE",
            "msDS-MinimumPasswordLength": minimum_length,
            "msDS-MinimumPasswordAge": -_DAY_TICKS,
            "msDS-MaximumPasswordAge": -90 * _DAY_TICKS,
            "msDS-LockoutThreshold": 0,
            "msDS-LockoutObservationWindow": -_DAY_TICKS,
            "msDS-LockoutDuration": -_DAY_TICKS,
            "msDS-PSOAppliesTo": self.distinguished_name(name),
        }
        with self.administered() as connection:
            named = f"CN=For {name},CN=Password Settings Container,CN=System,{BASE}"
            _succeed(connection, connection.add(named, "msDS-PasswordSettings", policy))

    @contextmanager
    def policy(self, **wanted: int) -> Generator[None]:
        """Let the domain's policy be another meanwhile, such as `minPwdLength=64`."""
        with self.administered() as connection:
            connection.search(BASE, "(objectClass=*)", THIS_ENTRY, attributes=list(wanted))
            known = connection.response[0]["raw_attributes"]
        self._set_policy(wanted)
        try:
            yield
        finally:
            self._set_policy({name: int(values[0]) for name, values in known.items()})

    def _set_policy(self, wanted: dict[str, int]) -> None:
        with self.administered() as connection:
            changes = {name: [(MODIFY_REPLACE, [str(value)])] for name, value in wanted.items()}
            _succeed(connection, connection.modify(BASE, changes))


def _descriptor(descriptor: bytes, *, unwanted: Iterable[UUID] = (), hidden: Iterable[UUID] = ()) -> bytes:
    """Return a security descriptor without entries about unwanted rights; it inherits none.

    Attributes that are hidden may be read by no one.
    """
    (flags,) = struct.unpack_from("<H", descriptor, 2)
    (start,) = struct.unpack_from("<I", descriptor, 16)
    revision, _, _, count = struct.unpack_from("<BBHH", descriptor, start)
    position = start + 8
    denied = struct.pack("<BBHII", _DENIED_OBJECT, 0, 28 + len(_ALL_WHO_SIGN_IN), _READ_PROPERTY, _HAS_OBJECT)
    kept = [denied + each.bytes_le + _ALL_WHO_SIGN_IN for each in hidden]
    for _ in range(count):
        kind, inherits, size = struct.unpack_from("<BBH", descriptor, position)
        rest = descriptor[position + 4 : position + size]
        position += size
        if not any(each.bytes_le in rest for each in unwanted):
            kept.append(struct.pack("<BBH", kind, inherits & ~_IS_INHERITED, size) + rest)
    entries = b"".join(kept)
    access_list = struct.pack("<BBHHH", revision, 0, 8 + len(entries), len(kept), 0) + entries
    return struct.pack("<BBHIIII", 1, 0, flags | _IS_PROTECTED, 0, 0, 0, 20) + access_list


def _succeed(connection: Any, done: object) -> None:  # noqa: ANN401  # ldap3 has types in part
    if not done:
        raise AssertionError(f"The directory refuses: {connection.result}")
