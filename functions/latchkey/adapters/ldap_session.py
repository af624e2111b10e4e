"""What is said over one connection to a domain controller: searches, one change, and a try of a password."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ldap3 import BASE, MODIFY_REPLACE, SUBTREE, Connection, Server
from ldap3.core.exceptions import (
    LDAPInsufficientAccessRightsResult,
    LDAPNoSuchObjectResult,
    LDAPOperationResult,
)
from ldap3.core.results import RESULT_SUCCESS

from latchkey.errors import (
    DirectoryChangeError,
    DirectorySearchError,
    PasswordPolicyViolationError,
    UserNotFoundError,
)

if TYPE_CHECKING:
    from ldap3 import Connection as AnyConnection

type Entry = Mapping[str, Any]
"""The raw values of an entry's attributes: lists of bytes."""

#: The most that Active Directory gives at once by default (MaxPageSize).
_PAGE = 1000

#: What a controller answers to a right password that has to be changed, or has expired; and to a policy's no.
#: https://learn.microsoft.com/windows/win32/debug/system-error-codes--1700-3999-
_RIGHT_BUT_EXPIRED = ("data 773", "data 532")
_AGAINST_POLICY = "0000052D"


class LostConnectionError(Exception):
    """When a connection is lost or a server cannot answer now; the next one may."""


class Session:
    """A connection to one domain controller, signed in as the service account."""

    def __init__(
        self, connection: "AnyConnection", translated: Callable[[Server], AbstractContextManager[None]]
    ) -> None:
        """Take a bound connection, and what turns its errors into ours."""
        self._connection = connection
        self._server: Server = connection.server
        self._translated = translated

    def search(self, base: str, what: str, attributes: tuple[str, ...]) -> Iterator[Entry]:
        """Yield what is found below a base, page by page; referrals are skipped.

        Raises:
            DirectorySearchError: when the base does not exist or may not be read, or the list is cut short.
            LostConnectionError: when the connection is lost.
        """
        connection = self._connection
        cookie: bytes | None = None
        while cookie != b"":
            with self._translated(self._server):
                connection.search(
                    base, what, SUBTREE, attributes=list(attributes), paged_size=_PAGE, paged_cookie=cookie
                )
                found = connection.response or []
                cookie = _next_page(connection.result)
            if connection.result["result"] != RESULT_SUCCESS:
                # ldap3 raises nothing where a limit cuts a list short, or the base is another domain's.
                raise DirectorySearchError(
                    f"The directory server {self._server.host} searched {base} in part only: "
                    f"{connection.result['description']}."
                )
            yield from (each["raw_attributes"] for each in found if each["type"] == "searchResEntry")

    def read(self, name: str, what: str, attributes: tuple[str, ...]) -> Entry:
        """Return one entry by its distinguished name; empty where it does not match.

        Raises:
            DirectorySearchError: when it does not exist or may not be read.
            LostConnectionError: when the connection is lost.
        """
        with self._translated(self._server):
            self._connection.search(name, what, BASE, attributes=list(attributes))
        found = self._connection.response or []
        return next((each["raw_attributes"] for each in found if each["type"] == "searchResEntry"), {})

    def replace(self, name: str, values: Mapping[str, str | bytes]) -> None:
        """Replace the values of attributes of one entry, all together or none.

        A controller that takes no changes is left for the next one.

        Raises:
            DirectoryChangeError: when the service account lacks a right.
            PasswordPolicyViolationError: when a policy refuses the password.
            UserNotFoundError: when there is no such entry.
            LostConnectionError: when the connection is lost; the change may have been made.
        """
        with self._translated(self._server):
            try:
                self._connection.modify(  # type: ignore[no-untyped-call]  # ldap3 has types in part
                    name, {each: [(MODIFY_REPLACE, [value])] for each, value in values.items()}
                )
            except LDAPNoSuchObjectResult as error:
                raise UserNotFoundError("The user is no longer in the directory.") from error
            except LDAPInsufficientAccessRightsResult as error:
                raise DirectoryChangeError(
                    f"The service account may not change {', '.join(values)} of the user on "
                    f"{self._server.host}: a right is not delegated, or AdminSDHolder protects the user."
                ) from error
            except LDAPOperationResult as error:
                if _AGAINST_POLICY in (error.message or ""):
                    raise PasswordPolicyViolationError(
                        f"The directory's policy refuses the password{reason(error)}."
                    ) from error
                raise
            result = self._connection.result
            if result["result"] != RESULT_SUCCESS:
                # ldap3 raises nothing where a read-only controller refers to another.
                raise LDAPOperationResult(result["result"], result["description"])

    def takes(self, name: str, password: str) -> bool:
        """Tell whether a password is the one of an entry now, by a sign-in on a connection of its own.

        Raises:
            LostConnectionError: when the connection is lost.
        """
        with self._translated(self._server):
            trial = Connection(
                self._server, name, password, receive_timeout=self._connection.receive_timeout, read_only=True
            )
            try:
                taken: bool = trial.bind()
                return taken or any(each in trial.result["message"] for each in _RIGHT_BUT_EXPIRED)
            finally:
                close(trial)


def close(connection: "AnyConnection") -> None:
    """Close a connection, and the socket of one that could not be opened, which ldap3 keeps."""
    if not connection.closed:
        connection.strategy.close()
    elif connection.socket is not None:
        connection.socket.close()


def first(entry: Entry, attribute: str) -> bytes:
    """Return the first value of an attribute; empty where there is none."""
    values: list[bytes] = entry.get(attribute) or [b""]
    return values[0]


def text(entry: Entry, attribute: str) -> str:
    """Return the first value of an attribute as text, without the blanks around it."""
    return first(entry, attribute).decode("utf-8", "replace").strip()


def number(entry: Entry, attribute: str) -> int:
    """Return the first value of an attribute as a number; 0 where there is none."""
    return int(first(entry, attribute) or 0)


def reason(error: LDAPOperationResult) -> str:
    """Return what a server says of its refusal, in brackets; empty where it says nothing."""
    return f" ({error.message.rstrip(chr(0)).strip()})" if error.message else ""


def _next_page(result: Mapping[str, Any]) -> bytes:
    control: Mapping[str, Any] = (result.get("controls") or {}).get("1.2.840.113556.1.4.319", {})
    return control.get("value", {}).get("cookie") or b""
