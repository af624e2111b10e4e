"""Secrets Manager: the user name and the password of the directory's service accounts."""

import json

import boto3

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors
from latchkey.adapters.ldap import Login
from latchkey.errors import DirectoryLoginError

_secrets = boto3.client("secretsmanager", config=CLIENT_CONFIG)


def read_login(secret_id: str) -> Login:
    """Return a service account's credentials.

    Raises:
        DirectoryLoginError: when the secret does not hold a user name and a password.
    """
    with translate_errors("read the secret"):
        secret = json.loads(_secrets.get_secret_value(SecretId=secret_id)["SecretString"])
    try:
        return Login(secret["username"], secret["password"])
    except KeyError as error:
        raise DirectoryLoginError(f"The service account's secret has no {error.args[0]}.") from None
