"""The KMS adapter: what is sealed for one execution and user opens for these alone."""

import os
from base64 import b64decode, b64encode

import pytest

from latchkey.adapters import kms
from latchkey.adapters.kms import Secrets
from latchkey.errors import (
    AccessDeniedError,
    LatchkeyError,
    SealBrokenError,
    ServiceUnavailableError,
    ThrottledError,
)
from tests.unit.stack import ALICE, EXECUTION, KMS, LINK_SECRET, PASSWORD, Stack

SECRETS = Secrets(PASSWORD, LINK_SECRET)


def seal(secrets: Secrets = SECRETS) -> str:
    return kms.seal(secrets, EXECUTION, ALICE, os.environ["CLAIM_KEY_ARN"])


def unseal(sealed: str, execution: str = EXECUTION, user: str = ALICE) -> Secrets:
    return kms.unseal(sealed, execution, user, os.environ["CLAIM_KEY_ARN"])


@pytest.mark.usefixtures("sealing_stack")
@pytest.mark.parametrize("secrets", [SECRETS, Secrets('"\\,[]é', "")])
def test_sealed_secrets_open_in_their_own_execution(secrets: Secrets) -> None:
    assert unseal(seal(secrets)) == secrets


@pytest.mark.usefixtures("sealing_stack")
def test_sealed_secrets_do_not_open_in_another_execution() -> None:
    with pytest.raises(SealBrokenError):
        unseal(seal(), EXECUTION + "2")


@pytest.mark.usefixtures("sealing_stack")
@pytest.mark.parametrize("user", ["bob@example.com", ALICE.upper(), ""])
def test_sealed_secrets_do_not_open_for_another_user(user: str) -> None:
    with pytest.raises(SealBrokenError):
        unseal(seal(), user=user)


@pytest.mark.usefixtures("sealing_stack")
@pytest.mark.parametrize("place", [0, -1])
def test_altered_secrets_do_not_open(place: int) -> None:
    sealed = bytearray(b64decode(seal()))
    sealed[place] ^= 1
    with pytest.raises((SealBrokenError, AccessDeniedError)):
        unseal(b64encode(sealed).decode())


@pytest.mark.usefixtures("sealing_stack")
def test_a_seal_shows_neither_secret() -> None:
    sealed = b64decode(seal())
    assert PASSWORD.encode() not in sealed
    assert LINK_SECRET.encode() not in sealed


def test_execution_and_user_are_the_encryption_context(sealing_stack: Stack) -> None:
    unseal(seal())
    sent = [*sealing_stack.sent("Encrypt"), *sealing_stack.sent("Decrypt")]
    context = {"latchkey:execution": EXECUTION, "latchkey:user": ALICE}
    assert [call["EncryptionContext"] for call in sent] == [context] * 2


def test_only_the_given_key_is_used(sealing_stack: Stack) -> None:
    other = KMS.create_key()["KeyMetadata"]["Arn"]
    kms.unseal(kms.seal(SECRETS, EXECUTION, ALICE, other), EXECUTION, ALICE, other)
    assert {call["KeyId"] for call in [*sealing_stack.sent("Encrypt"), *sealing_stack.sent("Decrypt")]} == {
        other
    }


REFUSALS = [
    ("DisabledException", 409, SealBrokenError),
    ("KMSInvalidStateException", 409, SealBrokenError),
    ("AccessDeniedException", 400, AccessDeniedError),
    ("ThrottlingException", 400, ThrottledError),
    ("LimitExceededException", 400, ThrottledError),
    ("KMSInternalException", 500, ServiceUnavailableError),
    ("DependencyTimeoutException", 503, ServiceUnavailableError),
]


@pytest.mark.parametrize(("code", "status", "meaning"), REFUSALS)
def test_what_kms_means_when_it_will_not_seal(
    sealing_stack: Stack, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    sealing_stack.refuse("Encrypt", code, status)
    with pytest.raises(meaning, match="Could not seal the secrets") as raised:
        seal()
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("InvalidCiphertextException", 400, SealBrokenError),
        *REFUSALS,
    ],
)
def test_what_kms_means_when_it_will_not_unseal(
    sealing_stack: Stack, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    sealed = seal()
    sealing_stack.refuse("Decrypt", code, status)
    with pytest.raises(meaning, match="Could not unseal the secrets"):
        unseal(sealed)
