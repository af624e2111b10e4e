"""SES's SMTP endpoint of the local cloud, as a mail client meets it."""

import smtplib
import ssl
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from local.driver.product import Product
from local.driver.rotation import Rotation


@pytest.fixture
def rotation(product: Product) -> Rotation:
    """Return the credentials that the stack made by itself."""
    return Rotation(product)


@contextmanager
def connection(rotation: Rotation, *, tls: bool = True) -> Generator[smtplib.SMTP]:
    """Connect without logging in."""
    where = rotation.product.stack.smtp
    with smtplib.SMTP(where["host"], where["port"], timeout=30) as found:
        if tls:
            found.starttls(context=ssl.create_default_context(cafile=rotation.product.cloud.smtp_ca_file))
        found.ehlo()
        yield found


def refused(code: int) -> Any:  # noqa: ANN401  # what pytest.raises returns has no public name
    return pytest.raises(smtplib.SMTPResponseException, check=lambda error: error.smtp_code == code)


@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_the_secrets_credentials_log_in(rotation: Rotation, mechanism: str) -> None:
    credentials = rotation.credentials()
    with connection(rotation) as found:
        found.user, found.password = credentials["username"], credentials["password"]
        assert found.auth(mechanism.upper(), getattr(found, f"auth_{mechanism}"))[0] == 235


def test_a_mail_arrives_in_the_mailbox(rotation: Rotation) -> None:
    rotation.send("smtp-reader@example.com", "By SMTP")
    (mail,) = rotation.product.mails("smtp-reader@example.com")
    assert (mail["via"], mail["from"]) == ("smtp", "latchkey@example.com")
    assert (mail["subject"], mail["text"].strip()) == ("By SMTP", "Sent by SMTP.")


def test_nothing_goes_without_tls_nor_without_a_login(rotation: Rotation) -> None:
    with connection(rotation, tls=False) as found:
        assert not found.has_extn("auth")
        assert found.mail("latchkey@example.com")[0] == 530
    with connection(rotation) as found:
        assert found.mail("latchkey@example.com")[0] == 530


def test_a_certificate_of_another_authority_is_not_trusted(rotation: Rotation) -> None:
    where = rotation.product.stack.smtp
    found = smtplib.SMTP(where["host"], where["port"], timeout=30)
    with pytest.raises(ssl.SSLCertVerificationError):
        found.starttls(context=ssl.create_default_context())
    found.close()


def test_a_wrong_password_is_refused(rotation: Rotation) -> None:
    assert not rotation.logs_in(rotation.credentials() | {"password": "wrong"})


def test_another_sender_is_refused_after_the_mail(rotation: Rotation) -> None:
    with rotation.connection(rotation.credentials()) as found, refused(554):
        found.sendmail("ceo@example.com", "reader@example.com", "From: ceo@example.com\n\nHello")


@pytest.mark.parametrize(("action", "code"), [("Data", 454), ("Data", 421), ("Mail", 451)])
def test_a_planted_fault_is_the_endpoints_answer(rotation: Rotation, action: str, code: int) -> None:
    told = {"service": "smtp", "action": action, "error": str(code), "message": "Throttling failure"}
    with rotation.product.faults(told), refused(code):
        rotation.send("smtp-reader@example.com", "Refused")


@pytest.mark.parametrize("action", ["Connect", "Login", "Mail", "Recipient", "Data"])
def test_a_planted_fault_can_drop_the_connection(rotation: Rotation, action: str) -> None:
    dropped = {"service": "smtp", "action": action, "crash": True}
    with (
        rotation.product.faults(dropped),
        pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)),
    ):
        rotation.send("smtp-reader@example.com", "Dropped")


def test_it_is_slow_when_it_is_told_to(rotation: Rotation) -> None:
    with rotation.product.faults({"service": "smtp", "action": "Data", "delay_seconds": 1}):
        started = time.monotonic()
        rotation.send("smtp-slow@example.com", "Slow")
    assert time.monotonic() - started > 1
    assert len(rotation.product.mails("smtp-slow@example.com")) == 1
