"""KMS: seals a reset's secrets, so that they can travel through states that many people can read."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Final

import boto3

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors
from latchkey.errors import SealBrokenError

_kms = boto3.client("kms", config=CLIENT_CONFIG)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The two secrets of one reset; neither is ever part of a repr."""

    password: str = field(repr=False)
    link_secret: str = field(repr=False)


def _context(execution: str, user: str) -> dict[str, str]:
    # Bound into the ciphertext and shown in CloudTrail: a sealed value copied into another
    # execution, or handed on for another user, does not open there.
    return {"latchkey:execution": execution, "latchkey:user": user}


#: How KMS answers for a key that is disabled, pending deletion, or not ready otherwise.
#: Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
_UNUSABLE: Final = dict.fromkeys(("DisabledException", "KMSInvalidStateException"), SealBrokenError)


def seal(secrets: Secrets, execution: str, user: str, key: str) -> str:
    """Return the secrets encrypted for this one execution and user, as base64 text; `key` is the key's ARN.

    Raises:
        SealBrokenError: when the key is disabled or pending deletion.
    """
    plain = json.dumps([secrets.password, secrets.link_secret])
    with translate_errors("seal the secrets", _UNUSABLE):
        sealed = _kms.encrypt(
            KeyId=key,
            Plaintext=plain.encode(),
            EncryptionContext=_context(execution, user),
        )
    return b64encode(sealed["CiphertextBlob"]).decode()


def unseal(sealed: str, execution: str, user: str, key: str) -> Secrets:
    """Return the secrets that `seal` encrypted for this execution and user.

    Raises:
        SealBrokenError: when the value was sealed for another execution or user, was altered, or the key
            is disabled or pending deletion.
    """
    with translate_errors("unseal the secrets", {**_UNUSABLE, "InvalidCiphertextException": SealBrokenError}):
        opened = _kms.decrypt(
            KeyId=key,
            CiphertextBlob=b64decode(sealed),
            EncryptionContext=_context(execution, user),
        )
    return Secrets(*json.loads(opened["Plaintext"]))
