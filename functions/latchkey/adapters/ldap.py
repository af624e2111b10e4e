"""LDAPS to the domain controllers of an Active Directory: which is asked, and what its errors mean."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Self

from ldap3 import NONE, Connection, Server
from ldap3.core.exceptions import (
    LDAPBusyResult,
    LDAPCommunicationError,
    LDAPException,
    LDAPInvalidCredentialsResult,
    LDAPOperationResult,
    LDAPOperationsErrorResult,
    LDAPReferralResult,
    LDAPResponseTimeoutError,
    LDAPUnavailableResult,
    LDAPUnwillingToPerformResult,
)

from latchkey.adapters.ldap_session import LostConnectionError, Session, close, reason
from latchkey.adapters.ldap_tls import VerifyingTls
from latchkey.errors import (
    DirectoryCertificateError,
    DirectoryLoginError,
    DirectorySearchError,
    DirectoryUnreachableError,
)

_LDAPS_PORT = 636

#: A live server answers in far less; a page of a thousand users takes it a second.
_CONNECT_SECONDS = 3
_ANSWER_SECONDS = 30

#: Tries in all, each with the next server: two domain controllers are the least a Managed AD has.
_TRIES = 4

#: Answers of a server that cannot serve now, or takes no changes and refers to another; the last one is AD's
#: to a search on a connection that is no longer signed in.
_TRY_ANOTHER = (
    LDAPBusyResult,
    LDAPReferralResult,
    LDAPUnavailableResult,
    LDAPUnwillingToPerformResult,
    LDAPOperationsErrorResult,
)

#: Between the certificates of several authorities.
_BETWEEN_AUTHORITIES = ","


@dataclass(frozen=True, slots=True)
class Login:
    """The service account: `user` is its user principal name, as in `latchkey@corp.example.com`."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the directory is, where in it to look for users, and whose members are never reset.

    `hosts` are `name` or `name:port`; `authorities` hold a certificate each, as DER in base64; `bases` are
    distinguished names; `protected_groups` are `sAMAccountName` or distinguished names. An answer may
    take `answer_seconds`.
    """

    hosts: tuple[str, ...]
    authorities: tuple[str, ...]
    bases: tuple[str, ...]
    protected_groups: tuple[str, ...] = ()
    answer_seconds: int = _ANSWER_SECONDS

    @classmethod
    def of(cls, environment: Mapping[str, str], answer_seconds: int = _ANSWER_SECONDS) -> Self:
        """Read the variables the template gives; bases and groups are separated by semicolons."""
        return cls(
            hosts=tuple(environment["DIRECTORY_HOSTS"].split(",")),
            authorities=tuple(environment["DIRECTORY_CA_CERTIFICATE"].split(_BETWEEN_AUTHORITIES)),
            bases=tuple(base.strip() for base in environment["DIRECTORY_SEARCH_BASES"].split(";")),
            protected_groups=tuple(
                group.strip()
                for group in environment["DIRECTORY_PROTECTED_GROUPS"].split(";")
                if group.strip()
            ),
            answer_seconds=answer_seconds,
        )


class Controllers:
    """The domain controllers of a directory, tried in turn; every new connection is to the next one."""

    def __init__(
        self, settings: Settings, login: Login, *, read_only: bool = True, tries: int = _TRIES
    ) -> None:
        """Describe the controllers; no connection is made yet.

        Raises:
            DirectoryCertificateError: when an authority is no certificate.
        """
        self._login = login
        self._read_only = read_only
        self._answer_seconds = settings.answer_seconds
        self._tls = VerifyingTls(settings.authorities)
        self._hosts = islice(cycle(settings.hosts), tries)
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

    def run[Result](self, work: Callable[[Session], Result]) -> Result:
        """Do work on a controller, and begin it again on the next one where the connection is lost.

        Raises:
            LatchkeyError: as `connected` does.
        """
        while True:
            with suppress(LostConnectionError), self.connected() as session:
                return work(session)

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
            raise DirectoryUnreachableError(f"Every directory server lost the connection: {self._last}")
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
                    read_only=self._read_only,
                    receive_timeout=self._answer_seconds,
                )
                connection.bind()
            yield Session(connection, self._translated)
        finally:
            if connection is not None:
                close(connection)

    @contextmanager
    def _translated(self, server: Server) -> Iterator[None]:
        """Turn ldap3's errors into ours; lost connections into the one that makes callers try the next."""
        name = f"{server.host}:{server.port}"
        try:
            yield
        except LDAPInvalidCredentialsResult as error:
            raise DirectoryLoginError(
                f"The directory server {name} refuses the service account {self._login.user}: "
                f"{error.description}{reason(error)}"
            ) from error
        except _TRY_ANOTHER as error:
            self._last = f"{name} answered {error.description}."
            raise LostConnectionError from error
        except LDAPOperationResult as error:
            raise DirectorySearchError(
                f"The directory server {name} refuses the search: {error.description}{reason(error)}"
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
