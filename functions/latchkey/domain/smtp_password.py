"""How an access key of IAM becomes a password for SES's SMTP endpoint."""

import hmac
from base64 import b64encode
from typing import Final

#: What a version 4 signature is made of, with the one date, service and request that SMTP passwords have.
#: Source: https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html#smtp-credentials-convert
_DATE: Final = "11111111"
_SERVICE: Final = "ses"
_TERMINAL: Final = "aws4_request"
_MESSAGE: Final = "SendRawEmail"
_VERSION: Final = b"\x04"


def derive_smtp_password(secret_access_key: str, region: str) -> str:
    """Return the SMTP password of a secret access key in one region: 44 characters of base64."""
    key = f"AWS4{secret_access_key}".encode()
    for part in (_DATE, region, _SERVICE, _TERMINAL, _MESSAGE):
        key = hmac.digest(key, part.encode(), "sha256")
    return b64encode(_VERSION + key).decode()
