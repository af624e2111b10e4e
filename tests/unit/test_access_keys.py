"""The adapter of the SMTP user's access keys."""

from collections.abc import Callable

import pytest

from latchkey.adapters import access_keys
from latchkey.domain.rotation import AccessKey
from latchkey.errors import (
    AccessDeniedError,
    CredentialsGoneError,
    EntityTemporarilyUnmodifiableError,
    KeyLimitError,
    LatchkeyError,
    ServiceUnavailableError,
    ThrottledError,
)
from tests.unit.smtp import Smtp

type Call = Callable[[], object]

CALLS: dict[str, Call] = {
    "ListAccessKeys": access_keys.list_keys,
    "CreateAccessKey": access_keys.create_key,
    "UpdateAccessKey": lambda: access_keys.deactivate_key("AKIA"),
    "DeleteAccessKey": lambda: access_keys.delete_key("AKIA"),
}


def test_a_new_key_is_listed_as_active_and_its_secret_shown_once(smtp: Smtp) -> None:
    key = access_keys.create_key()
    assert access_keys.list_keys() == [AccessKey(key.id, active=True)]
    assert list(smtp.keys()) == [key.id]
    assert len(key.secret) == 40
    assert key.secret not in repr(key)


def test_a_deactivated_key_is_listed_as_inactive(smtp: Smtp) -> None:
    key_id, _ = smtp.add_key()
    access_keys.deactivate_key(key_id)
    assert access_keys.list_keys() == [AccessKey(key_id, active=False)]


def test_a_deleted_key_is_listed_no_more(smtp: Smtp) -> None:
    key_id, _ = smtp.add_key()
    access_keys.delete_key(key_id)
    assert access_keys.list_keys() == []


@pytest.mark.usefixtures("smtp")
@pytest.mark.parametrize("change", [access_keys.deactivate_key, access_keys.delete_key])
def test_a_key_that_is_gone_needs_no_change(change: Callable[[str], None]) -> None:
    change("AKIAGONE000000000000")


@pytest.mark.usefixtures("stack")
def test_a_user_who_is_gone_has_no_keys_to_list() -> None:
    with pytest.raises(CredentialsGoneError, match="Could not list the SMTP user's access keys"):
        access_keys.list_keys()


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("Throttling", 400, ThrottledError),
        ("AccessDenied", 403, AccessDeniedError),
        ("ServiceFailure", 500, ServiceUnavailableError),
        ("EntityTemporarilyUnmodifiable", 409, EntityTemporarilyUnmodifiableError),
        ("LimitExceeded", 409, KeyLimitError),
    ],
)
def test_what_iam_means_when_it_refuses_a_change_of_keys(
    smtp: Smtp, operation: str, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    smtp.stack.refuse(operation, code, status)
    with pytest.raises(meaning):
        CALLS[operation]()
