"""The SMTP user and the secret of a simulated stack."""

import json
import os
from typing import Any

import boto3

from latchkey.domain.smtp_password import derive_smtp_password
from tests.unit.stack import IAM, Stack

SECRETS = boto3.client("secretsmanager")

USER = os.environ["SMTP_USER"]
SECRET = os.environ["SMTP_SECRET"]
OLD, NEW, OTHER = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "123")


class Smtp:
    """What a rotation changes, and how an operator changes it by hand."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        IAM.create_user(UserName=USER)
        SECRETS.create_secret(Name=SECRET, SecretString="{}")

    def add_key(self) -> tuple[str, dict[str, Any]]:
        """Make an access key; return its id, and the value of the secret that belongs to it."""
        key = IAM.create_access_key(UserName=USER)["AccessKey"]
        password = derive_smtp_password(key["SecretAccessKey"], os.environ["AWS_REGION"])
        value = {"username": key["AccessKeyId"], "password": password}
        return key["AccessKeyId"], value | {"host": os.environ["SMTP_HOST"], "port": 587}

    def put(self, value: dict[str, Any], version_id: str, label: str = "AWSCURRENT") -> None:
        """Put a version into the secret."""
        SECRETS.put_secret_value(
            SecretId=SECRET,
            ClientRequestToken=version_id,
            SecretString=json.dumps(value),
            VersionStages=[label],
        )

    def add_current(self, version_id: str = OLD) -> str:
        """Make a key and let its credentials be the current ones; return the key's id."""
        key_id, value = self.add_key()
        self.put(value, version_id)
        return key_id

    def add_pending(self, version_id: str = NEW) -> str:
        """Make a key and stage its credentials; return the key's id."""
        key_id, value = self.add_key()
        self.put(value, version_id, "AWSPENDING")
        return key_id

    def make_current(self, version_id: str, instead_of: str) -> None:
        """Move the label AWSCURRENT."""
        SECRETS.update_secret_version_stage(
            SecretId=SECRET,
            VersionStage="AWSCURRENT",
            MoveToVersionId=version_id,
            RemoveFromVersionId=instead_of,
        )

    def keys(self) -> dict[str, str]:
        """Return the user's keys, each with its status."""
        found = IAM.list_access_keys(UserName=USER)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in found}

    def labels(self) -> dict[str, str]:
        """Return the labels, each with its version."""
        versions = SECRETS.list_secret_version_ids(SecretId=SECRET)["Versions"]
        return {label: version["VersionId"] for version in versions for label in version["VersionStages"]}

    def value(self, label: str = "AWSCURRENT") -> dict[str, Any]:
        """Return what the secret holds under a label."""
        found = SECRETS.get_secret_value(SecretId=SECRET, VersionStage=label)
        value: dict[str, Any] = json.loads(found["SecretString"])
        return value
