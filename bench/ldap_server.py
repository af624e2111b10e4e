"""A directory of any size over LDAPS, made in seconds: it answers the reminders' searches, and nothing else.

Samba takes more than a quarter of an hour to index 100,000 users. It stays what the product is tested
against; this serves the bench alone, where only the number of users counts.
"""

from __future__ import annotations

import base64
import json
import secrets
import socketserver
import ssl
import subprocess
import sys
import uuid
from dataclasses import asdict
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Final, Self

import trustme

from local import ROOT
from local.directory.samba import MAXIMUM_AGE_DAYS, USERS_BASE, DirectoryUser

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping, Sequence

_HOST: Final = "localhost"
_PAGED_RESULTS: Final = b"1.2.840.113556.1.4.319"
_PAGE: Final = 1000
_TICKS_PER_SECOND: Final = 10_000_000
_SECONDS_FROM_1601_TO_1970: Final = 11_644_473_600
_DAY: Final = 24 * 3600
_NEVER: Final = 2**63 - 1

# Tags of BER, and of LDAP's answers (RFC 4511, appendix B).
_INTEGER, _OCTETS, _ENUMERATED, _SEQUENCE, _SET = 0x02, 0x04, 0x0A, 0x30, 0x31
_BIND, _BOUND, _SEARCH, _ENTRY, _DONE, _CONTROLS = 0x60, 0x61, 0x63, 0x64, 0x65, 0xA0
_SHORT_FORM: Final = 0x80


def ber(tag: int, *parts: bytes) -> bytes:
    """Return a value in the Basic Encoding Rules."""
    content = b"".join(parts)
    length = len(content)
    if length < _SHORT_FORM:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, _SHORT_FORM | len(size))) + size + content


def integer(value: int, tag: int = _INTEGER) -> bytes:
    """Return a number that is not negative."""
    return ber(tag, value.to_bytes(value.bit_length() // 8 + 1))


def values_in(content: bytes) -> list[tuple[int, bytes]]:
    """Return the values that stand one behind the other, each with its tag."""
    found, place = [], 0
    while place < len(content):
        tag, size, begin = content[place], content[place + 1], place + 2
        if size >= _SHORT_FORM:
            more = size - _SHORT_FORM
            size, begin = int.from_bytes(content[begin : begin + more]), begin + more
        found.append((tag, content[begin : begin + size]))
        place = begin + size
    return found


def entry(number: int, user: DirectoryUser) -> bytes:
    """Return a user as a search finds it."""
    dn = f"CN={user.name},{USERS_BASE}"
    changed_at = user.changed_at or 0
    expires_at = changed_at + MAXIMUM_AGE_DAYS * _DAY + _SECONDS_FROM_1601_TO_1970
    values = {
        "objectGUID": uuid.UUID(int=number + 1).bytes_le,
        "sAMAccountName": user.name.encode(),
        "displayName": user.display_name.encode(),
        "mail": user.mail.encode(),
        "distinguishedName": dn.encode(),
        "userAccountControl": b"512",
        "accountExpires": b"%d" % _NEVER,
        "msDS-UserPasswordExpiryTimeComputed": b"%d"
        % (_NEVER if user.never_expires else int(expires_at * _TICKS_PER_SECOND)),
    }
    return ber(_ENTRY, ber(_OCTETS, dn.encode()), ber(_SEQUENCE, *_attributes(values)))


def _attributes(values: Mapping[str, bytes]) -> Iterator[bytes]:
    for name, value in values.items():
        if value:
            yield ber(_SEQUENCE, ber(_OCTETS, name.encode()), ber(_SET, ber(_OCTETS, value)))


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Answer until the client goes."""
        while request := self._read():
            ((_, message),) = values_in(request)
            (_, number), (operation, _), *controls = values_in(message)
            if operation == _BIND:
                self._answer(int.from_bytes(number), ber(_BOUND, _success()))
            elif operation == _SEARCH:
                self._search(int.from_bytes(number), _cookie(controls))
            else:
                return

    def _search(self, number: int, start: int) -> None:
        page = self.server.entries[start : start + _PAGE]
        self.wfile.write(b"".join(ber(_SEQUENCE, integer(number), each) for each in page))
        following = b"%d" % (start + _PAGE) if start + _PAGE < len(self.server.entries) else b""
        value = ber(_SEQUENCE, integer(0), ber(_OCTETS, following))
        control = ber(_SEQUENCE, ber(_OCTETS, _PAGED_RESULTS), ber(_OCTETS, value))
        self._answer(number, ber(_DONE, _success()), ber(_CONTROLS, control))

    def _answer(self, number: int, *parts: bytes) -> None:
        self.wfile.write(ber(_SEQUENCE, integer(number), *parts))

    def _read(self) -> bytes:
        """Return the next message whole, nothing at the end."""
        head = self.rfile.read(2)
        if len(head) < 2:  # noqa: PLR2004  # a tag and a length
            return b""
        more = self.rfile.read(head[1] - _SHORT_FORM) if head[1] > _SHORT_FORM else b""
        return head + more + self.rfile.read(int.from_bytes(more) if more else head[1])


def _success() -> bytes:
    return integer(0, _ENUMERATED) + ber(_OCTETS) + ber(_OCTETS)


def _cookie(given: list[tuple[int, bytes]]) -> int:
    """Return where a paged search goes on; it is the only control that the reminders use."""
    if not given:
        return 0
    ((_, control),) = values_in(given[0][1])
    _, value = values_in(control)[-1]
    ((_, page),) = values_in(value)
    _, (_, cookie) = values_in(page)
    return int(cookie or b"0")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, entries: Sequence[bytes], context: ssl.SSLContext) -> None:
        super().__init__((_HOST, 0), _Session)
        self.entries = entries
        self._context = context

    def get_request(self) -> tuple[socket.socket, Any]:
        """Put TLS on each connection."""
        plain, address = super().get_request()
        return self._context.wrap_socket(plain, server_side=True), address


class LdapServer:
    """The directory in a process of its own, for as long as a `with` statement."""

    def __init__(self, users: Sequence[DirectoryUser]) -> None:
        """Take the users; nothing is started yet."""
        self._users = users
        self.password = secrets.token_hex()
        self.host = self.ca = ""

    def __enter__(self) -> Self:
        """Start it; it answers from then on."""
        with TemporaryFile("w+") as file:
            json.dump([asdict(user) for user in self._users if not user.disabled], file)
            file.seek(0)
            self._process = subprocess.Popen(  # our own module, and no shell
                [sys.executable, "-m", "bench.ldap_server"],
                cwd=ROOT,
                stdin=file,
                stdout=subprocess.PIPE,
                text=True,
            )
        self.host, self.ca = json.loads(next(iter(self._process.stdout or ())))
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait()


def main() -> None:
    """Serve the users on standard input, and print where, and by which authority."""
    entries = [entry(number, DirectoryUser(**each)) for number, each in enumerate(json.load(sys.stdin))]
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(_HOST).configure_cert(context)
    with _Server(entries, context) as server:
        der = ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())
        host = f"{_HOST}:{server.server_address[1]}"
        sys.stdout.write(json.dumps([host, base64.b64encode(der).decode()]) + "\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
