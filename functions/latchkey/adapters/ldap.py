"""LDAPS to the domain controllers of an Active Directory: connections, certificates, searches."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Self

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

from latchkey.errors import (
    DirectoryCertificateError,
    DirectoryLoginError,
    DirectorySearchError,
    DirectoryUnreachableError,
)

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

#: Between the certificates of several authorities.
_BETWEEN_AUTHORITIES = ","

type Entry = Mapping[str, Any]
"""The raw values of an entry's attributes: lists of bytes."""


class LostConnectionError(Exception):
    """When a connection is lost or a server cannot answer now; the next one may."""


@dataclass(frozen=True, slots=True)
class Login:
    """The service account: `user` is its user principal name, as in `latchkey@corp.example.com`."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the directory is and where in it to look for users.

    `hosts` are `name` or `name:port`; `authorities` hold a certificate each, as DER in base64; `bases` are
    distinguished names.
    """

    hosts: tuple[str, ...]
    authorities: tuple[str, ...]
    bases: tuple[str, ...]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables the template gives; the bases are separated by semicolons."""
        return cls(
            hosts=tuple(environment["DIRECTORY_HOSTS"].split(",")),
            authorities=tuple(environment["DIRECTORY_CA_CERTIFICATE"].split(_BETWEEN_AUTHORITIES)),
            bases=tuple(base.strip() for base in environment["DIRECTORY_SEARCH_BASES"].split(";")),
        )


class _VerifyingTls(Tls):
    """Verifies certificates as Python's own clients do; ldap3 does so only on request, with old code."""

    def __init__(self, authorities: tuple[str, ...]) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        # A broken certificate is found here, once, and not at every connection.
        try:
            pem = "".join(
                f"-----BEGIN CERTIFICATE-----\n{each}\n-----END CERTIFICATE-----\n" for each in authorities
            )
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


class Session:
    """A connection to one domain controller, signed in as the service account."""

    def __init__(self, connection: "AnyConnection", controllers: "Controllers") -> None:
        self._connection = connection
        self._controllers = controllers

    def search(self, base: str, what: str, attributes: tuple[str, ...]) -> Iterator[Entry]:
        """Yield what is found below a base, page by page; referrals are skipped.

        Raises:
            DirectorySearchError: when the base does not exist or may not be read, or the list is cut short.
            LostConnectionError: when the connection is lost.
        """
        connection = self._connection
        cookie: bytes | None = None
        while cookie != b"":
            with self._controllers.translated(connection.server):
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

    def ensure_exists(self, name: str, what: str) -> None:
        """Look for one entry by its distinguished name.

        Raises:
            DirectorySearchError: when it does not exist or may not be read.
            LostConnectionError: when the connection is lost.
        """
        with self._controllers.translated(self._connection.server):
            self._connection.search(name, what, BASE, attributes=["1.1"])


class Controllers:
    """The domain controllers of a directory, tried in turn; every new connection is to the next one."""

    def __init__(self, settings: Settings, login: Login) -> None:
        """Describe the controllers; no connection is made yet.

        Raises:
            DirectoryCertificateError: when an authority is no certificate.
        """
        self._login = login
        self._tls = _VerifyingTls(settings.authorities)
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

    @contextmanager
    def connected(self) -> Iterator[Session]:
        """Connect to the next controller.

        Raises:
            DirectoryCertificateError: when its certificate does not verify.
            DirectoryLoginError: when the service account is refused.
            DirectoryUnreachableError: when the tries are used up.
            LostConnectionError: when the connection is lost; the next one may hold.
        """
        host = next(self._hosts, None)
        if host is None:
            raise DirectoryUnreachableError(f"No directory server held on: {self._last}")
        server = self._server(host)
        connection = None
        try:
            with self.translated(server):
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
            yield Session(connection, self)
        finally:
            if connection is not None and not connection.closed:
                connection.strategy.close()

    @contextmanager
    def translated(self, server: Server) -> Iterator[None]:
        """Turn ldap3's errors into ours; lost connections into the one that makes callers try the next."""
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
            raise LostConnectionError from error
        except LDAPOperationsErrorResult as error:
            # What Active Directory answers to a search on a connection that is no longer signed in.
            self._last = f"{name} answered {error.description}."
            raise LostConnectionError from error
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
            raise LostConnectionError from error


def first(entry: Entry, attribute: str) -> bytes:
    """Return the first value of an attribute; empty where there is none."""
    values: list[bytes] = entry.get(attribute) or [b""]
    return values[0]


def text(entry: Entry, attribute: str) -> str:
    """Return the first value of an attribute as text, without the blanks around it."""
    return first(entry, attribute).decode("utf-8", "replace").strip()


def _reason(error: LDAPOperationResult) -> str:
    return f" ({error.message.rstrip(chr(0)).strip()})" if error.message else ""


def _next_page(result: Mapping[str, Any]) -> bytes:
    control: Mapping[str, Any] = (result.get("controls") or {}).get("1.2.840.113556.1.4.319", {})
    return control.get("value", {}).get("cookie") or b""
