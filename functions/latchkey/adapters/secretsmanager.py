"""Secrets Manager: the credentials of the service accounts."""

import json
from typing import Any

import boto3

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors

_secrets = boto3.client("secretsmanager", config=CLIENT_CONFIG)


def read(secret_id: str) -> dict[str, Any]:
    """Return the current version of a secret that holds a JSON object."""
    with translate_errors("read the secret"):
        value = _secrets.get_secret_value(SecretId=secret_id)["SecretString"]
    secret: dict[str, Any] = json.loads(value)
    return secret
