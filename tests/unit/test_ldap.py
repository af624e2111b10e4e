"""How the directory's answers are read, without a directory."""

import base64
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock
from uuid import UUID

import pytest
import trustme
from ldap3.core.exceptions import (
    LDAPBusyResult,
    LDAPInvalidCredentialsResult,
    LDAPInvalidFilterError,
    LDAPNoSuchObjectResult,
    LDAPOperationsErrorResult,
    LDAPResponseTimeoutError,
    LDAPSessionTerminatedByServerError,
    LDAPSocketOpenError,
    LDAPSocketReceiveError,
)

from latchkey.adapters import ldap
from latchkey.adapters.directory_accounts import DirectoryAccounts
from latchkey.adapters.ldap import Login, Settings
from latchkey.domain.accounts import Expiry
from latchkey.errors import (
    DirectoryCertificateError,
    DirectoryLoginError,
    DirectorySearchError,
    DirectoryUnreachableError,
)

AUTHORITY = base64.b64encode(
    ssl.PEM_cert_to_DER_cert(trustme.CA(key_type=trustme.KeyType.ECDSA).cert_pem.bytes().decode())
).decode()
PAGED = "1.2.840.113556.1.4.319"
LOGIN = Login("latchkey@corp.example.com", "hunter2")


def entry(number: int, **attributes: str) -> dict[str, Any]:
    raw = {"objectGUID": UUID(int=number).bytes_le, "sAMAccountName": f"u{number}".encode()}
    raw |= {name.replace("_", "-"): value.encode() for name, value in attributes.items()}
    return {"type": "searchResEntry", "raw_attributes": {name: [value] for name, value in raw.items()}}


class Server:
    """Stands for ldap3's connection to any server; each search gets the next answer."""

    def __init__(self, *answers: Any) -> None:  # noqa: ANN401  # pages, or errors to raise
        self.answers = list(answers)
        self.hosts: list[str] = []
        self.searches: list[tuple[str, str]] = []
        self.closed = True
        self.at_bind: list[Exception] = []
        self.strategy = self
        self.socket: MagicMock | None = None

    def __call__(self, server: Any, *_: object, **__: object) -> "Server":  # noqa: ANN401  # ldap3's
        self.server = server
        self.hosts.append(server.host)
        return self

    def close(self) -> None:
        self.closed = True

    def bind(self) -> None:
        if self.at_bind:
            raise self.at_bind.pop(0)

    def search(self, base: str, what: str, *_: object, **__: object) -> None:
        self.searches.append((base, what))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.response, cookie, code = answer
        control = {PAGED: {"value": {"cookie": cookie}}}
        self.result = {"result": code, "description": "sizeLimitExceeded", "controls": control}


def page(*entries: dict[str, Any], more: bool = False, code: int = 0) -> tuple[Any, bytes, int]:
    return list(entries), b"more" if more else b"", code


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[DirectoryAccounts, Server]]:
    def build(
        *answers: Any,  # noqa: ANN401  # as above
        group: str = "",
        protected: tuple[str, ...] | None = None,
    ) -> tuple[DirectoryAccounts, Server]:
        server = Server(*answers)
        monkeypatch.setattr(ldap, "Connection", server)
        settings = Settings(("dc1", "dc2:3269"), (AUTHORITY,), ("DC=corp",), protected or ())
        return DirectoryAccounts(settings, LOGIN, group, resets=protected is not None), server

    return build


type Build = Callable[..., tuple[DirectoryAccounts, Server]]


def test_pages_follow_each_other_and_referrals_are_passed_over(directory: Build) -> None:
    referral = {"type": "searchResRef", "uri": ["ldap://elsewhere"]}
    corp, _ = directory(page(entry(1), referral, more=True), page(entry(2)))
    assert [each.user for each in corp.all()] == ["u1", "u2"]


def test_attributes_become_an_account(directory: Build) -> None:
    corp, _ = directory(
        page(
            entry(
                1,
                msDS_UserPasswordExpiryTimeComputed="0",
                mail=" zoe@example.com ",
                displayName="Zoë",
                preferredLanguage="de",
                manager="CN=Boss",
            )
        )
    )
    (account,) = corp.all()
    assert (account.id, account.expires_at) == (str(UUID(int=1)), Expiry.MUST_CHANGE)
    assert (account.mail, account.name) == ("zoe@example.com", "Zoë")
    assert (account.language, account.manager) == ("de", "CN=Boss")


@pytest.mark.parametrize(
    ("ticks", "expires_at"),
    [
        ("0", None),
        (str(2**63 - 1), None),
        ("", None),
        ("132223104000000000", datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_account_expires_at_a_time_or_never(
    directory: Build, ticks: str, expires_at: datetime | None
) -> None:
    corp, _ = directory(page(entry(1, accountExpires=ticks)))
    (account,) = corp.all()
    assert account.account_expires_at == expires_at


@pytest.mark.parametrize(("control", "smart_card"), [("512", False), (str(512 | 0x40000), True)])
def test_an_account_may_sign_in_by_smart_card_alone(
    directory: Build, control: str, *, smart_card: bool
) -> None:
    corp, _ = directory(page(entry(1, userAccountControl=control)))
    (account,) = corp.all()
    assert account.smart_card is smart_card


CONTEXT = {"type": "searchResEntry", "raw_attributes": {"defaultNamingContext": [b"DC=corp"]}}


def group(name: str, relative: int) -> dict[str, Any]:
    sid = b"\x01" * 24 + relative.to_bytes(4, "little")
    values = {"distinguishedName": [f"CN={name},DC=corp".encode()], "objectSid": [sid]}
    return {"type": "searchResEntry", "raw_attributes": values}


def tokens(*relatives: int) -> dict[str, Any]:
    values = [b"\x01" * 24 + each.to_bytes(4, "little") for each in relatives]
    return {"type": "searchResEntry", "raw_attributes": {"tokenGroups": values}}


def test_those_are_resettable_whom_no_group_protects(directory: Build) -> None:
    people = page(entry(1), entry(2), entry(3, adminCount="1"), entry(4, primaryGroupID="512"))
    corp, server = directory(
        page(CONTEXT),
        page(group("Guarded", 10000)),
        page(entry(1)),
        page(tokens(513)),
        page(CONTEXT),
        page(group("Within", 2000)),
        page(entry(2)),
        people,
        protected=("Guarded",),
    )
    assert [each.resettable for each in corp.all()] == [True, False, False, False]
    member = "(memberOf:1.2.840.113556.1.4.1941:=CN=Guarded,DC=corp)"
    assert f"(&(objectClass=group)(|{member}))" == server.searches[5][1]
    # Members, and those whose primary group it is or one within.
    assert f"(|{member}(primaryGroupID=10000)(primaryGroupID=2000))" in server.searches[6][1]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([page(CONTEXT), page()], "DirectoryProtectedGroups names Guarded"),
        (
            [page(CONTEXT), page(group("Guarded", 10000)), page(entry(1)), page(tokens())],
            "DC=corp: their resets",
        ),
    ],
    ids=["no such group", "no right to read a user's groups"],
)
def test_people_are_listed_and_none_is_resettable_where_resets_could_not_tell_who_is_protected(
    directory: Build, answers: list[Any], words: str
) -> None:
    corp, _ = directory(*answers, page(entry(1)), protected=("Guarded",))
    assert [each.resettable for each in corp.all()] == [False]
    assert words in corp.refusal


@pytest.mark.parametrize(
    ("listed", "resettable", "words"),
    [([], [True], ""), ([page(entry(2), more=True)], [False, True], "DC=corp: their resets")],
    ids=["none were", "one was"],
)
def test_what_a_lost_server_refused_counts_only_for_users_who_were_listed_by_it(
    directory: Build, listed: list[Any], resettable: list[bool], words: str
) -> None:
    refused = [page(entry(1)), page(tokens())]
    shown = [page(entry(1)), page(tokens(513)), page(entry(1))]
    corp, _ = directory(*refused, *listed, LDAPSessionTerminatedByServerError("gone"), *shown, protected=())
    assert [each.resettable for each in corp.all()] == resettable
    assert (words in corp.refusal) if words else corp.refusal == ""


def test_a_base_without_users_hides_nothing(directory: Build) -> None:
    corp, _ = directory(page(), page(), protected=())
    assert list(corp.all()) == []
    assert corp.refusal == ""


def test_no_user_is_resettable_where_those_of_the_directory_are_not_reset(directory: Build) -> None:
    corp, _ = directory(page(entry(1)))
    assert [each.resettable for each in corp.all()] == [False]


def test_a_time_that_may_not_be_read_is_unknown_and_a_bad_address_is_none(directory: Build) -> None:
    corp, _ = directory(page(entry(1, mail="a@b@c")))
    (account,) = corp.all()
    assert (account.expires_at, account.mail) == (Expiry.UNKNOWN, "")


@pytest.mark.parametrize(
    "lost",
    [
        LDAPSessionTerminatedByServerError("gone"),
        LDAPSocketReceiveError("reset"),
        LDAPResponseTimeoutError("silent"),
        LDAPBusyResult(description="busy"),
        LDAPOperationsErrorResult(description="operationsError"),
    ],
)
def test_a_lost_connection_goes_on_at_the_next_server_and_lists_each_user_once(
    directory: Build, lost: Exception
) -> None:
    corp, server = directory(page(entry(1), more=True), lost, page(entry(1), more=True), page(entry(2)))
    assert [each.user for each in corp.all()] == ["u1", "u2"]
    assert server.hosts == ["dc1", "dc2"]


def test_no_socket_stays_of_a_connection_that_could_not_be_opened(directory: Build) -> None:
    corp, server = directory(page(entry(1)))
    server.socket, server.at_bind = MagicMock(), [LDAPSocketOpenError("refused")]
    assert [each.user for each in corp.all()] == ["u1"]
    assert server.socket.close.called


def test_tries_are_used_up(directory: Build) -> None:
    corp, server = directory(*[LDAPSocketReceiveError("reset")] * 9)
    with pytest.raises(DirectoryUnreachableError, match="dc2:3269: reset"):
        list(corp.all())
    assert server.hosts == ["dc1", "dc2", "dc1", "dc2"]


def test_members_of_the_group_are_marked_and_those_whose_primary_group_it_is(directory: Build) -> None:
    corp, server = directory(
        page(group("No (all)", 1200)),
        page(CONTEXT),
        page(group("Interns", 1201)),
        page(entry(2)),
        page(entry(1), entry(2)),
        group="CN=No (all)",
    )
    assert [each.excluded for each in corp.all()] == [False, True]
    # One search for all of them.
    what = server.searches[3][1]
    assert r"(memberOf:1.2.840.113556.1.4.1941:=CN=No \28all\29,DC=corp)" in what
    assert "(primaryGroupID=1200)(primaryGroupID=1201)" in what
    assert len(server.searches) == 5


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (LDAPNoSuchObjectResult(description="noSuchObject"), "noSuchObject"),
        (page(), "CN=Missing, which is no group"),
    ],
)
def test_a_group_that_does_not_exist_fails_the_search(directory: Build, answer: object, words: str) -> None:
    corp, _ = directory(answer, group="CN=Missing")
    with pytest.raises(DirectorySearchError, match=words):
        list(corp.all())


def test_a_list_that_a_limit_cuts_short_is_no_list(directory: Build) -> None:
    corp, _ = directory(page(entry(1), code=4))
    with pytest.raises(DirectorySearchError, match="in part only"):
        list(corp.all())


def test_a_refused_login_is_told_without_the_password(directory: Build) -> None:
    corp, server = directory()
    server.at_bind.append(LDAPInvalidCredentialsResult(description="invalidCredentials", message="52e\0"))
    with pytest.raises(DirectoryLoginError) as caught:
        list(corp.all())
    assert "hunter2" not in str(caught.value) + repr(LOGIN)
    assert server.hosts == ["dc1"]


def test_a_certificate_that_does_not_verify_is_told_with_the_reason(directory: Build) -> None:
    class Untrusting:
        def wrap_socket(self, *_: object, server_hostname: str, **__: object) -> None:
            error = ssl.SSLCertVerificationError(1, "certificate verify failed")
            error.verify_message = f"Hostname mismatch for {server_hostname}"
            raise error

    corp, server = directory()
    tls = server_tls(corp)
    tls.context = Untrusting()
    handshake = SimpleNamespace(socket=None, server=SimpleNamespace(host="dc1"))
    with pytest.raises(ssl.SSLCertVerificationError):
        tls.wrap_socket(handshake)
    # What ldap3 makes of it.
    server.at_bind.append(LDAPSocketOpenError("socket ssl wrapping error"))
    with pytest.raises(DirectoryCertificateError, match="dc1:636 does not verify: Hostname mismatch for dc1"):
        list(corp.all())


def server_tls(corp: DirectoryAccounts) -> Any:  # noqa: ANN401  # ldap3's, and ours
    return corp._controllers._tls  # noqa: SLF001  # which ldap3 calls, and no connection is real here


def test_what_ldap3_does_not_understand_is_not_tried_elsewhere(directory: Build) -> None:
    corp, server = directory(LDAPInvalidFilterError("malformed filter"))
    with pytest.raises(DirectorySearchError, match="dc1:636: malformed filter"):
        list(corp.all())
    assert server.hosts == ["dc1"]


def test_a_connection_is_closed_at_the_end(directory: Build) -> None:
    corp, server = directory(page())
    server.closed = False
    assert list(corp.all()) == []
    assert server.closed


def test_an_answer_about_one_user_names_the_policy_and_survives_a_lost_connection(directory: Build) -> None:
    own = entry(2, msDS_ResultantPSO="CN=Short")
    corp, server = directory(LDAPSocketReceiveError("reset"), page(entry(1), own))
    assert [each.policy for each in corp.find("u")] == ["the domain's password policy", "CN=Short"]
    assert server.hosts == ["dc1", "dc2"]


def test_what_is_asked_about_is_searched_as_text(directory: Build) -> None:
    corp, server = directory(page())
    assert list(corp.find("*)(objectClass=*")) == []
    assert r"(sAMAccountName=\2a\29\28objectClass=\2a)" in server.searches[0][1]


def handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """Let two sides meet without a socket; raise what the client raises of the server's certificate."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname="dc1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for side in sides * 3:
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()


def issued_by(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("dc1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    return context


def test_servers_of_two_authorities_are_trusted_while_one_replaces_the_other() -> None:
    authorities = [trustme.CA(key_type=trustme.KeyType.ECDSA) for _ in range(3)]
    known = tuple(
        base64.b64encode(ssl.PEM_cert_to_DER_cert(each.cert_pem.bytes().decode())).decode()
        for each in authorities[:2]
    )
    context = server_tls(DirectoryAccounts(Settings(("dc1",), known, ("DC=corp",)), LOGIN)).context
    for each in authorities[:2]:
        handshake(context, issued_by(each))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(context, issued_by(authorities[2]))


def test_an_authority_that_is_none_is_found_at_once() -> None:
    with pytest.raises(DirectoryCertificateError, match="is no certificate"):
        DirectoryAccounts(Settings(("dc1",), (AUTHORITY, "bm90aGluZw=="), ("DC=corp",)), LOGIN)
