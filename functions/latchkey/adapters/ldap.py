"""Active Directory over LDAPS: who has a password there, and when it expires."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from ldap3 import BASE, NONE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import (
    LDAPBusyResult,
    LDAPCommunicationError,
    LDAPException,
    LDAPInvalidCredentialsResult,
    LDAPOperationResult,
    LDAPOperationsErrorResult,
    LDAPResponseTimeoutError,
    LDAPUnavailableResult,
    LDAPUnwillingToPerformResult,
)
from ldap3.core.results import RESULT_SUCCESS
from ldap3.utils.conv import escape_filter_chars

from latchkey.domain.reminders import Account, Expiry, read_ticks
from latchkey.domain.users import is_mail_address
from latchkey.errors import (
    DirectoryCertificateError,
    DirectoryLoginError,
    DirectorySearchError,
    DirectoryUnreachableError,
)
from latchkey.observability import logger

if TYPE_CHECKING:
    from ldap3 import Connection as AnyConnection

_LDAPS_PORT = 636

#: A live server answers in far less; each search has thirty times as long as its page needs.
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 30

#: Tries in all, each with the next server: two domain controllers are the least a Managed AD has.
_TRIES = 4

#: The most that Active Directory gives at once by default (MaxPageSize).
_PAGE = 1000

#: 1.2.840.113556.1.4.803 is a bitwise and: 2 is ACCOUNTDISABLE. Constructed attributes cannot be filtered on.
_ENABLED_PEOPLE = (
    "(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)){})"
)
#: 1.2.840.113556.1.4.1941 follows the chain of groups within groups.
_MEMBER_OF = "(memberOf:1.2.840.113556.1.4.1941:={})"
_ONE_USER = "(|(sAMAccountName={0})(userPrincipalName={0})(mail={0}))"

_ID = "objectGUID"
_EXPIRY = "msDS-UserPasswordExpiryTimeComputed"
_POLICY = "msDS-ResultantPSO"
_ATTRIBUTES = (_ID, "sAMAccountName", "displayName", "mail", "preferredLanguage", "manager", _EXPIRY)

type _Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Login:
    """The service account: `user` is its user principal name, as in `latchkey@corp.example.com`."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the directory is and which users to look for.

    `hosts` are `name` or `name:port`; `ca` holds a certificate, as DER in base64; `bases` and
    `exclusion_group` are distinguished names, the latter empty for none.
    """

    hosts: tuple[str, ...]
    ca: str
    bases: tuple[str, ...]
    exclusion_group: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables the template gives; the bases are separated by semicolons."""
        return cls(
            hosts=tuple(environment["DIRECTORY_HOSTS"].split(",")),
            ca=environment["DIRECTORY_CA_CERTIFICATE"],
            bases=tuple(base.strip() for base in environment["DIRECTORY_SEARCH_BASES"].split(";")),
            exclusion_group=environment["DIRECTORY_EXCLUSION_GROUP"],
        )


class _VerifyingTls(Tls):
    """Verifies certificates as Python's own clients do; ldap3 does so only on request, with old code."""

    def __init__(self, ca: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        # A broken certificate is found here, once, and not at every connection.
        try:
            pem = f"-----BEGIN CERTIFICATE-----\n{ca}\n-----END CERTIFICATE-----\n"
            self.context = ssl.create_default_context(cadata=pem)
        except ssl.SSLError as error:
            raise DirectoryCertificateError(f"DirectoryCaCertificate is no certificate: {error}") from error
        self.refusal: ssl.SSLCertVerificationError | None = None

    def wrap_socket(self, connection: "AnyConnection", do_handshake: bool = False) -> None:  # noqa: FBT001, FBT002  # as ldap3 calls it
        """Put TLS on the connection's socket, and keep why the certificate was refused."""
        try:
            connection.socket = self.context.wrap_socket(
                connection.socket,
                server_hostname=connection.server.host,
                do_handshake_on_connect=do_handshake,
            )
        except ssl.SSLCertVerificationError as error:
            self.refusal = error
            raise


class Directory:
    """A directory to search; it connects when asked, and again where a connection was lost."""

    def __init__(self, settings: Settings, login: Login) -> None:
        """Describe the directory.

        Raises:
            DirectoryCertificateError: when the authority is no certificate.
        """
        self._settings = settings
        self._login = login
        self._tls = _VerifyingTls(settings.ca)
        self._hosts = islice(cycle(settings.hosts), _TRIES)
        self._last = "none was tried."

    def _server(self, host: str) -> Server:
        name, _, port = host.strip().partition(":")
        return Server(
            name,
            int(port or _LDAPS_PORT),
            use_ssl=True,
            tls=self._tls,
            get_info=NONE,
            connect_timeout=_CONNECT_SECONDS,
        )

    def accounts(self) -> Iterator[Account]:
        """Yield all users below the search bases who may sign in, each once.

        A lost connection, between pages too, costs a try: the next server lists from the beginning, and users
        who were already yielded are skipped.

        Raises:
            DirectoryCertificateError: when a server's certificate does not verify.
            DirectoryLoginError: when the service account is refused.
            DirectorySearchError: when a base or the group does not exist, or may not be read.
            DirectoryUnreachableError: when the tries are used up.
        """
        seen: set[bytes] = set()
        while True:
            try:
                with self._connected() as connection:
                    excluded = self._members(connection)
                    for entry in self._search_bases(connection, _ENABLED_PEOPLE.format(""), _ATTRIBUTES):
                        identity = _one(entry, _ID)
                        if identity not in seen:
                            # Entries without one are not duplicates of each other.
                            seen.update({identity} - {b""})
                            yield _account(entry, excluded=identity in excluded)
            except _LostError:
                continue
            return

    def find(self, user: str) -> Iterator[Account]:
        """Yield the users with that name, principal name or mail address, with the policy that decides.

        Raises:
            LatchkeyError: as `accounts` does.
        """
        one = _ENABLED_PEOPLE.format(_ONE_USER.format(escape_filter_chars(user)))
        while True:
            try:
                with self._connected() as connection:
                    excluded = self._members(connection)
                    entries = list(self._search_bases(connection, one, (*_ATTRIBUTES, _POLICY)))
            except _LostError:
                continue
            for each, entry in {_one(entry, _ID): entry for entry in entries}.items():
                account = _account(entry, excluded=each in excluded)
                yield replace(account, policy=account.policy or "the domain's password policy")
            return

    @contextmanager
    def _connected(self) -> Iterator["AnyConnection"]:
        host = next(self._hosts, None)
        if host is None:
            raise DirectoryUnreachableError(f"No directory server held on: {self._last}")
        server = self._server(host)
        connection = None
        try:
            with self._translated(server):
                connection = Connection(
                    server,
                    self._login.user,
                    self._login.password,
                    auto_referrals=False,
                    raise_exceptions=True,
                    read_only=True,
                    receive_timeout=_ANSWER_SECONDS,
                )
                connection.bind()
            yield connection
        finally:
            if connection is not None and not connection.closed:
                connection.strategy.close()

    @contextmanager
    def _translated(self, server: Server) -> Iterator[None]:
        """Turn ldap3's errors into ours; lost connections into the one that makes `accounts` go on."""
        name = f"{server.host}:{server.port}"
        try:
            yield
        except LDAPInvalidCredentialsResult as error:
            raise DirectoryLoginError(
                f"The directory server {name} refuses the service account {self._login.user}: "
                f"{error.description}{_reason(error)}"
            ) from error
        except (LDAPBusyResult, LDAPUnavailableResult, LDAPUnwillingToPerformResult) as error:
            self._last = f"{name} answered {error.description}."
            raise _LostError from error
        except LDAPOperationsErrorResult as error:
            # What Active Directory answers to a search on a connection that is no longer signed in.
            self._last = f"{name} answered {error.description}."
            raise _LostError from error
        except LDAPOperationResult as error:
            raise DirectorySearchError(
                f"The directory server {name} refuses the search: {error.description}{_reason(error)}"
            ) from error
        except LDAPException as error:
            if self._tls.refusal:
                raise DirectoryCertificateError(
                    f"The certificate of the directory server {name} does not verify: "
                    f"{self._tls.refusal.verify_message}"
                ) from error
            if not isinstance(error, (LDAPCommunicationError, LDAPResponseTimeoutError)):
                raise DirectorySearchError(f"The directory server {name}: {error}") from error
            self._last = f"{name}: {error}."
            raise _LostError from error

    def _search_bases(
        self, connection: "AnyConnection", what: str, attributes: tuple[str, ...]
    ) -> Iterator[_Entry]:
        for base in self._settings.bases:
            yield from self._search(connection, base, what, attributes)

    def _search(
        self, connection: "AnyConnection", base: str, what: str, attributes: tuple[str, ...]
    ) -> Iterator[_Entry]:
        """Yield the raw attributes of what is found, page by page; referrals are skipped."""
        cookie: bytes | None = None
        while cookie != b"":
            with self._translated(connection.server):
                connection.search(
                    base, what, SUBTREE, attributes=list(attributes), paged_size=_PAGE, paged_cookie=cookie
                )
                found = connection.response or []
                cookie = _next_page(connection.result)
            if connection.result["result"] != RESULT_SUCCESS:
                # ldap3 raises nothing where a limit cuts a list short, or the base is another domain's.
                raise DirectorySearchError(
                    f"The directory server {connection.server.host} searched {base} in part only: "
                    f"{connection.result['description']}."
                )
            yield from (each["raw_attributes"] for each in found if each["type"] == "searchResEntry")

    def _members(self, connection: "AnyConnection") -> frozenset[bytes]:
        """Return the members of the exclusion group, nested groups included."""
        group = self._settings.exclusion_group
        if not group:
            return frozenset()
        with self._translated(connection.server):
            # Active Directory finds no members of a group that does not exist; a typo must not mail everyone.
            connection.search(group, "(objectClass=group)", BASE, attributes=["1.1"])
        members = _ENABLED_PEOPLE.format(_MEMBER_OF.format(escape_filter_chars(group)))
        return frozenset(_one(entry, _ID) for entry in self._search_bases(connection, members, (_ID,)))


class _LostError(Exception):
    """When a connection is lost or a server cannot answer now; a retry may work."""


def _reason(error: LDAPOperationResult) -> str:
    return f" ({error.message.rstrip(chr(0)).strip()})" if error.message else ""


def _next_page(result: Mapping[str, Any]) -> bytes:
    control: Mapping[str, Any] = (result.get("controls") or {}).get("1.2.840.113556.1.4.319", {})
    return control.get("value", {}).get("cookie") or b""


def _one(entry: _Entry, attribute: str) -> bytes:
    values: list[bytes] = entry.get(attribute) or [b""]
    return values[0]


def _text(entry: _Entry, attribute: str) -> str:
    return _one(entry, attribute).decode("utf-8", "replace").strip()


def _account(entry: _Entry, *, excluded: bool) -> Account:
    try:
        return _read(entry, excluded=excluded)
    except Exception as error:  # what stands in one entry fails that one alone
        user = _text(entry, "sAMAccountName")
        logger.exception("Could not read the entry of %s.", user)
        return Account.unreadable("directory", user, error)


def _read(entry: _Entry, *, excluded: bool) -> Account:
    ticks, mail = _one(entry, _EXPIRY), _text(entry, "mail")
    return Account(
        source="directory",
        id=str(UUID(bytes_le=_one(entry, _ID))),
        user=_text(entry, "sAMAccountName"),
        # Without the right to read it the expiry is unknown; the report says so.
        expires_at=read_ticks(int(ticks)) if ticks else Expiry.UNKNOWN,
        mail=mail if is_mail_address(mail) else "",
        name=_text(entry, "displayName"),
        language=_text(entry, "preferredLanguage"),
        manager=_text(entry, "manager"),
        excluded=excluded,
        policy=_text(entry, _POLICY),
    )
