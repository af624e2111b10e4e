"""Many mails over one connection: the pace, what passes, what ends a mail, what ends a run."""

import smtplib
import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.adapters.smtp_client import Pacer, SmtpClient, TransientSmtpError, error_for
from latchkey.adapters.smtp_secret import SmtpCredentials
from latchkey.errors import (
    CredentialsRefusedError,
    LatchkeyError,
    MailQuotaExceededError,
    MailRefusedError,
    RecipientRefusedError,
    SmtpUnavailableError,
)

SENDER, ALICE = "latchkey@example.com", "alice@example.com"
NOT_VERIFIED = (
    "Message rejected: Email address is not verified. The following identities failed the check in region"
)


class Server:
    """Stands for the endpoint: answers with what is planned, else takes every mail."""

    def __init__(self) -> None:
        self.logins: list[str] = []
        self.mails: list[str] = []
        self.at_login: deque[Exception] = deque()
        self.at_mail: deque[Exception] = deque()
        self.closed = 0

    def __call__(self, *_: object, **__: object) -> "Server":
        return self

    def starttls(self, context: object) -> None:
        assert context is not None

    def login(self, _user: str, password: str) -> None:
        self.logins.append(password)
        if self.at_login:
            raise self.at_login.popleft()

    def sendmail(self, _sender: str, recipients: list[str], _message: bytes) -> None:
        if self.at_mail:
            raise self.at_mail.popleft()
        self.mails += recipients

    def quit(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(smtplib, "SMTP", made)
    return made


def an_outbox(*passwords: str, slept: Callable[[float], None] = lambda _: None) -> SmtpClient:
    """Return a client whose secret holds one password after the other."""
    left = deque(passwords or ("first",))

    def read() -> SmtpCredentials:
        password = left.popleft() if len(left) > 1 else left[0]
        return SmtpCredentials("user", password, "smtp.example.com", 587)

    return SmtpClient(read, Pacer(1000, sleep=lambda _: None), slept)


def refused(code: int, text: str) -> smtplib.SMTPRecipientsRefused:
    return smtplib.SMTPRecipientsRefused({ALICE: (code, text.encode())})


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (454, "Throttling failure: Daily message quota exceeded.", MailQuotaExceededError),
        (454, "Throttling failure: Maximum sending rate exceeded.", TransientSmtpError),
        (421, "Too many concurrent SMTP connections", TransientSmtpError),
        (451, "Temporary service failure", TransientSmtpError),
        (530, "Authentication required", CredentialsRefusedError),
        (535, "Authentication Credentials Invalid", CredentialsRefusedError),
        (554, f"{NOT_VERIFIED} EU-WEST-1: {SENDER}", MailRefusedError),
        (554, f"{NOT_VERIFIED} EU-WEST-1: x{SENDER}", RecipientRefusedError),
        (554, f"{NOT_VERIFIED} EU-WEST-1: {ALICE}, {SENDER}", MailRefusedError),
        (554, "Access denied: User `u` is not authorized to perform `ses:SendRawEmail`", MailRefusedError),
        (554, "Message rejected: Sending paused for this account.", MailRefusedError),
        (550, "No such user here", RecipientRefusedError),
        (553, "Address has illegal characters", RecipientRefusedError),
    ],
)
def test_what_an_answer_to_a_mail_means(code: int, text: str, kind: type[Exception]) -> None:
    assert type(error_for(code, text, SENDER, ALICE)) is kind


@pytest.mark.parametrize(
    "address",
    [
        "suspended@example.com",
        "eve@suspended.example",
        "sending-is-paused.suspended@example.com",
        "not=authorized@example.com",
        "Access-denied@example.com",
        SENDER,
        SENDER.upper(),
    ],
)
@pytest.mark.parametrize("words", [f"{NOT_VERIFIED} EU-WEST-1: {{}}", "Message rejected: <{}> unknown", "{}"])
def test_no_word_of_a_recipients_address_ends_the_run(address: str, words: str) -> None:
    error = error_for(554, words.format(address), SENDER, address)
    assert type(error) is RecipientRefusedError


@pytest.mark.parametrize("code", [421, 451, 454, 530, 535, 550, 554])
def test_no_error_tells_a_recipients_address(code: int) -> None:
    reply = f"Access denied: {ALICE}, <{ALICE}>:{ALICE} not verified; Daily message quota exceeded {ALICE}"
    assert ALICE not in str(error_for(code, reply, SENDER, ALICE))
    assert ALICE not in str(error_for(code, f"<{ALICE}>... no", SENDER, ALICE))


def test_a_refused_sender_is_named() -> None:
    assert SENDER in str(error_for(554, f"{NOT_VERIFIED} EU-WEST-1: {ALICE}, {SENDER}", SENDER, ALICE))


def test_many_mails_take_one_connection_and_the_next_hundred_another(server: Server) -> None:
    with an_outbox() as box:
        for _ in range(101):
            box.send(b"", SENDER, ALICE)
    assert len(server.mails) == 101
    assert len(server.logins) == 2


def test_an_outbox_that_sent_nothing_never_connects(server: Server) -> None:
    with an_outbox():
        pass
    assert server.logins == []


def test_an_idle_connection_is_replaced(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    box = an_outbox()
    box.send(b"", SENDER, ALICE)
    later = time.monotonic() + 10
    monkeypatch.setattr(time, "monotonic", lambda: later)
    box.send(b"", SENDER, ALICE)
    assert len(server.logins) == 2


@pytest.mark.parametrize(
    "fault",
    [
        refused(451, "later"),
        smtplib.SMTPDataError(454, b"Throttling failure: Maximum sending rate exceeded."),
        smtplib.SMTPServerDisconnected("gone"),
        smtplib.SMTPSenderRefused(421, b"closing", SENDER),
        TimeoutError("silent"),
    ],
)
def test_a_mail_that_is_refused_for_now_is_tried_again(server: Server, fault: Exception) -> None:
    pauses: list[float] = []
    server.at_mail.extend([fault, fault])
    an_outbox(slept=pauses.append).send(b"", SENDER, ALICE)
    assert server.mails == [ALICE]
    assert [round(pause + 0.5) >= 1 for pause in pauses] == [True, True]


def test_what_does_not_pass_is_an_error(server: Server) -> None:
    server.at_mail.extend([refused(451, "later")] * 9)
    with pytest.raises(SmtpUnavailableError, match="451 later"):
        an_outbox().send(b"", SENDER, ALICE)
    assert len(server.at_mail) == 4


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (refused(550, "no such mailbox"), RecipientRefusedError),
        (smtplib.SMTPDataError(454, b"Daily message quota exceeded"), MailQuotaExceededError),
        (smtplib.SMTPDataError(554, f"{NOT_VERIFIED} X: {SENDER}".encode()), MailRefusedError),
        (smtplib.SMTPSenderRefused(530, b"Authentication required", SENDER), CredentialsRefusedError),
    ],
)
def test_a_mail_that_is_refused_for_good_is_not_tried_again(
    server: Server, fault: Exception, error: type[LatchkeyError]
) -> None:
    server.at_mail.append(fault)
    with pytest.raises(error):
        an_outbox().send(b"", SENDER, ALICE)
    assert server.mails == []


def test_an_error_in_the_middle_of_a_mail_leaves_no_connection_behind(server: Server) -> None:
    server.at_mail.append(UnicodeEncodeError("ascii", "é", 0, 1, "planted"))
    box = an_outbox()
    with pytest.raises(UnicodeEncodeError):
        box.send(b"", SENDER, "é@example.com")
    assert server.closed == 1
    box.send(b"", SENDER, ALICE)
    assert len(server.logins) == 2


def test_a_refused_login_reads_the_secret_once_more(server: Server) -> None:
    server.at_login.append(smtplib.SMTPAuthenticationError(535, b"Credentials Invalid"))
    an_outbox("old", "new").send(b"", SENDER, ALICE)
    assert server.logins == ["old", "new"]
    assert server.mails == [ALICE]


def test_a_login_refused_twice_ends_the_run_and_tells_no_password(server: Server) -> None:
    server.at_login.extend([smtplib.SMTPAuthenticationError(535, b"Credentials Invalid")] * 2)
    with pytest.raises(CredentialsRefusedError) as caught:
        an_outbox("hunter2", "hunter3").send(b"", SENDER, ALICE)
    assert "hunter" not in f"{caught.value}{caught.value.__cause__!r}{caught.value.__context__!r}"
    assert server.logins == ["hunter2", "hunter3"]


def test_a_login_that_may_work_later_is_tried_again(server: Server) -> None:
    server.at_login.append(smtplib.SMTPAuthenticationError(454, b"Temporary authentication failure"))
    an_outbox().send(b"", SENDER, ALICE)
    assert server.mails == [ALICE]


@given(
    rate=st.floats(0.1, 1000),
    delays=st.lists(st.floats(0, 5), min_size=2, max_size=50),
)
def test_no_two_mails_are_closer_than_the_rate_allows(rate: float, delays: list[float]) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    pacer = Pacer(rate, clock=lambda: now, sleep=sleep)
    sent: list[float] = []
    for delay in delays:
        pacer.wait()
        sent.append(now)
        now += delay
    assert all(later - earlier >= 1 / rate - 1e-6 for earlier, later in pairwise(sent))
