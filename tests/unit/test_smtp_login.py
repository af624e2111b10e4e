"""One login: what it does, and what each way of failing means."""

import smtplib
import ssl
from typing import Any, Self

import pytest

from latchkey.adapters.smtp_login import log_in
from latchkey.adapters.smtp_secret import SmtpCredentials
from latchkey.errors import CredentialsRefusedError, LatchkeyError, SmtpUnavailableError

CREDENTIALS = SmtpCredentials("AKIA", "the-password", "email-smtp.eu-central-1.amazonaws.com", 587)


class Connection:
    """An SMTP connection that fails where a test says."""

    def __init__(self, failures: dict[str, Exception]) -> None:
        self.failures = failures
        self.done: list[Any] = []

    def __call__(self, host: str, port: int, timeout: float) -> Self:
        assert timeout > 0
        return self.step("connect", host, port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.done.append("quit")

    def close(self) -> None:
        self.done.append("close")

    def step(self, name: str, *details: object) -> Self:
        if name in self.failures:
            raise self.failures[name]
        self.done.append((name, *details))
        return self

    def starttls(self, *, context: ssl.SSLContext) -> None:
        self.step("starttls", context.verify_mode, context.check_hostname)

    def login(self, user: str, password: str) -> None:
        self.step("login", user, password)


def attempt(monkeypatch: pytest.MonkeyPatch, **failures: Exception) -> Connection:
    connection = Connection(failures)
    monkeypatch.setattr(smtplib, "SMTP", connection)
    log_in(CREDENTIALS)
    return connection


def test_a_login_comes_after_tls_with_a_verified_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    assert attempt(monkeypatch).done == [
        ("connect", "email-smtp.eu-central-1.amazonaws.com", 587),
        ("starttls", ssl.CERT_REQUIRED, True),
        ("login", "AKIA", "the-password"),
        "quit",
    ]


@pytest.mark.parametrize(
    ("step", "failure", "meaning", "words"),
    [
        (
            "login",
            smtplib.SMTPAuthenticationError(535, b"Authentication Credentials Invalid"),
            CredentialsRefusedError,
            "answered 535",
        ),
        ("login", smtplib.SMTPAuthenticationError(454, b"Later"), SmtpUnavailableError, "answered 454"),
        ("connect", smtplib.SMTPConnectError(421, "Too many"), SmtpUnavailableError, "answered 421"),
        ("connect", TimeoutError(), SmtpUnavailableError, ":587: TimeoutError"),
        ("connect", ConnectionRefusedError(), SmtpUnavailableError, "ConnectionRefusedError"),
        ("starttls", ssl.SSLCertVerificationError(), SmtpUnavailableError, "SSLCertVerificationError"),
        ("starttls", smtplib.SMTPNotSupportedError(), SmtpUnavailableError, "SMTPNotSupportedError"),
        ("login", smtplib.SMTPServerDisconnected(), SmtpUnavailableError, "SMTPServerDisconnected"),
    ],
)
def test_what_a_failed_login_means(
    monkeypatch: pytest.MonkeyPatch, step: str, failure: Exception, meaning: type[LatchkeyError], words: str
) -> None:
    with pytest.raises(meaning, match=words) as raised:
        attempt(monkeypatch, **{step: failure})
    assert "the-password" not in str(raised.value)


@pytest.mark.parametrize("step", ["starttls", "login"])
def test_a_connection_that_came_to_nothing_is_closed(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    connection = Connection({step: smtplib.SMTPServerDisconnected()})
    monkeypatch.setattr(smtplib, "SMTP", connection)
    with pytest.raises(SmtpUnavailableError):
        log_in(CREDENTIALS)
    assert connection.done[-1] == "close"
