"""The adapter of the secret with the SMTP credentials."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from latchkey.adapters import smtp_secret
from latchkey.adapters.smtp_secret import SmtpCredentials
from latchkey.domain.rotation import CURRENT, PENDING, PREVIOUS
from latchkey.errors import (
    AccessDeniedError,
    CredentialsGoneError,
    LatchkeyError,
    ServiceUnavailableError,
    ThrottledError,
)
from tests.unit.smtp import NEW, OLD, OTHER, SECRET, SECRETS, Smtp
from tests.unit.stack import client_error

CREDENTIALS = SmtpCredentials("AKIA", "the-password", "email-smtp.eu-central-1.amazonaws.com", 587)


def test_versions_are_listed_with_labels_and_keys(smtp: Smtp) -> None:
    old, new = smtp.add_current(), smtp.add_pending()
    found = {each.id: each for each in smtp_secret.list_versions()}
    assert (found[OLD].labels, found[OLD].key_id) == (frozenset({CURRENT}), old)
    assert (found[NEW].labels, found[NEW].key_id) == (frozenset({PENDING}), new)
    (empty,) = [each for each in found.values() if PREVIOUS in each.labels]
    assert empty.key_id is None


@pytest.mark.usefixtures("smtp")
@pytest.mark.parametrize("text", ["", "no JSON", "[]", '"text"'])
def test_a_version_that_holds_anything_else_names_no_key(text: str) -> None:
    SECRETS.put_secret_value(SecretId=SECRET, SecretString=text or "{}")
    assert [each.key_id for each in smtp_secret.list_versions()] == [None, None]


def test_staged_credentials_are_read_as_they_were_staged(smtp: Smtp) -> None:
    smtp_secret.stage_credentials(CREDENTIALS, NEW)
    assert smtp_secret.read_credentials(NEW) == CREDENTIALS
    assert smtp.labels()[PENDING] == NEW
    assert smtp.value() == {}


def test_where_mails_go_is_the_stacks_to_say_whatever_the_secret_says(smtp: Smtp) -> None:
    # Else the right to write the secret, without one to read it, would have the reminders come by.
    elsewhere = {"username": "AKIA", "password": "-", "host": "mail.evil.example", "port": 2525}
    SECRETS.put_secret_value(SecretId=SECRET, SecretString=json.dumps(elsewhere))
    found = smtp_secret.current_credentials()
    assert (found.host, found.port) == (os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]))
    assert smtp.value()["host"] == "mail.evil.example"


def test_the_secret_holds_what_mail_clients_need(smtp: Smtp) -> None:
    smtp_secret.stage_credentials(CREDENTIALS, NEW)
    assert smtp.value(PENDING) == {
        "username": "AKIA",
        "password": "the-password",
        "host": "email-smtp.eu-central-1.amazonaws.com",
        "port": 587,
    }


def test_a_password_is_in_no_repr() -> None:
    assert "the-password" not in repr(CREDENTIALS)


@pytest.mark.parametrize("value", [{}, {"username": "AKIA"}, {"user": "x", "pass": "y"}])
def test_a_version_without_credentials_cannot_be_read(smtp: Smtp, value: dict[str, str]) -> None:
    smtp.put(value, NEW)
    with pytest.raises(CredentialsGoneError, match=f"version {NEW} holds no SMTP credentials"):
        smtp_secret.read_credentials(NEW)


@pytest.mark.usefixtures("smtp")
def test_a_version_that_is_gone_cannot_be_read() -> None:
    with pytest.raises(CredentialsGoneError, match="Could not read the secret"):
        smtp_secret.read_credentials(OTHER)


def test_promotion_moves_current_and_ends_the_staging(smtp: Smtp) -> None:
    smtp.add_current()
    smtp.add_pending()
    smtp_secret.promote(NEW)
    assert smtp.labels() == {CURRENT: NEW, PREVIOUS: OLD}


def test_promotion_can_run_twice(smtp: Smtp) -> None:
    smtp.add_current()
    smtp.add_pending()
    smtp_secret.promote(NEW)
    smtp_secret.promote(NEW)
    assert smtp.labels() == {CURRENT: NEW, PREVIOUS: OLD}


def test_promotion_goes_on_where_it_was_stopped(smtp: Smtp) -> None:
    smtp.add_current()
    smtp.add_pending()
    smtp.make_current(NEW, OLD)
    smtp_secret.promote(NEW)
    assert smtp.labels() == {CURRENT: NEW, PREVIOUS: OLD}


def test_a_version_that_is_no_longer_staged_is_not_promoted(smtp: Smtp) -> None:
    smtp.add_current()
    smtp.add_pending(NEW)
    smtp.put({}, OTHER, PENDING)
    with pytest.raises(CredentialsGoneError, match="no longer the staged one"):
        smtp_secret.promote(NEW)
    assert smtp.labels()[CURRENT] == OLD


def test_a_move_that_took_effect_though_its_answer_was_lost_is_no_failure(
    smtp: Smtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp.add_current()
    smtp.add_pending()
    before = smtp_secret.list_versions()
    smtp.make_current(NEW, OLD)
    answers = iter([before])
    present = smtp_secret.list_versions
    monkeypatch.setattr(smtp_secret, "list_versions", lambda: next(answers, None) or present())
    smtp.stack.refuse("UpdateSecretVersionStage", "InvalidParameterException")
    smtp_secret.promote(NEW)
    assert smtp.labels() == {CURRENT: NEW, PREVIOUS: OLD}


def test_a_move_that_is_refused_for_good_is_a_failure(smtp: Smtp) -> None:
    smtp.add_current()
    smtp.add_pending()
    smtp.stack.refuse("UpdateSecretVersionStage", "InvalidParameterException")
    with pytest.raises(Exception, match="InvalidParameterException"):
        smtp_secret.promote(NEW)
    assert smtp.labels()[CURRENT] == OLD


def test_nothing_staged_needs_no_call(smtp: Smtp) -> None:
    smtp.add_current()
    smtp_secret.drop_pending()
    assert smtp.stack.sent("UpdateSecretVersionStage") == []


def test_a_label_that_went_though_its_answer_was_lost_is_no_failure(
    smtp: Smtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp.add_pending()
    listed = smtp_secret.list_versions
    answers = iter([listed(), []])
    monkeypatch.setattr(smtp_secret, "list_versions", lambda: next(answers))
    smtp.stack.refuse("UpdateSecretVersionStage", "InvalidParameterException")
    smtp_secret.drop_pending()
    assert list(answers) == []


def test_a_label_that_stays_is_a_failure(smtp: Smtp) -> None:
    smtp.add_pending()
    smtp.stack.refuse("UpdateSecretVersionStage", "InvalidParameterException")
    with pytest.raises(Exception, match="InvalidParameterException"):
        smtp_secret.drop_pending()
    assert smtp.labels()[PENDING] == NEW


def test_mail_clients_get_what_is_current(smtp: Smtp) -> None:
    with pytest.raises(CredentialsGoneError, match="The secret holds no SMTP credentials"):
        smtp_secret.current_credentials()
    key = smtp.add_current()
    smtp.add_pending()
    assert smtp_secret.current_credentials().username == key


def test_a_secret_without_a_current_version_says_so(smtp: Smtp) -> None:
    smtp.stack.answer("ListSecretVersionIds", {"Versions": []})
    with pytest.raises(CredentialsGoneError, match="no current version"):
        smtp_secret.due_at(30)


def test_credentials_are_due_so_many_days_after_they_were_made(smtp: Smtp) -> None:
    smtp.add_current()
    due = datetime.now(UTC) + timedelta(days=30)
    assert abs((smtp_secret.due_at(30) - due).total_seconds()) < 60


@pytest.mark.usefixtures("smtp")
def test_the_empty_version_a_secret_is_made_with_is_due_at_once() -> None:
    assert abs((smtp_secret.due_at(30) - datetime.now(UTC)).total_seconds()) < 60


def test_staged_credentials_that_nothing_promoted_change_nothing(smtp: Smtp) -> None:
    smtp.add_pending()
    assert abs((smtp_secret.due_at(30) - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize("call", [smtp_secret.list_versions, lambda: smtp_secret.due_at(30)])
def test_a_secret_that_is_gone_says_so(smtp: Smtp, call: Callable[[], object]) -> None:
    smtp.stack.refuse("ListSecretVersionIds", "ResourceNotFoundException")
    with pytest.raises(CredentialsGoneError, match="Could not list the secret's versions"):
        call()


CALLS: dict[str, Callable[[], object]] = {
    "ListSecretVersionIds": smtp_secret.list_versions,
    "GetSecretValue": lambda: smtp_secret.read_credentials(OLD),
    "PutSecretValue": lambda: smtp_secret.stage_credentials(CREDENTIALS, OTHER),
    "UpdateSecretVersionStage": lambda: smtp_secret.promote(NEW),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("ThrottlingException", 400, ThrottledError),
        ("AccessDeniedException", 400, AccessDeniedError),
        ("InternalServiceError", 500, ServiceUnavailableError),
        ("InvalidRequestException", 400, CredentialsGoneError),
    ],
)
def test_what_secrets_manager_means_when_it_refuses(
    smtp: Smtp, operation: str, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    smtp.add_current()
    smtp.add_pending()
    smtp.stack.fail(operation, client_error(code, status, operation))
    with pytest.raises(meaning):
        CALLS[operation]()
