"""The SMTP credentials as mail clients and operators see them, for the demo and the tests."""

from __future__ import annotations

import json
import smtplib
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from local.seed import SENDER

if TYPE_CHECKING:
    from collections.abc import Generator

    from local.driver.product import Product, Run

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Rotation:
    """The rotation of a deployed product, from outside."""

    product: Product

    @property
    def secret(self) -> str:
        """The secret's name."""
        return f"{self.product.stack.stack_name}/smtp"

    # Mail clients

    def credentials(self, label: str = "AWSCURRENT") -> dict[str, Any]:
        """Return what the secret holds under a label."""
        secret = self.product.client("secretsmanager").get_secret_value(
            SecretId=self.secret, VersionStage=label
        )
        value: dict[str, Any] = json.loads(secret["SecretString"])
        return value

    @contextmanager
    def connection(self, credentials: dict[str, Any]) -> Generator[smtplib.SMTP]:
        """Log in over a connection of its own."""
        with smtplib.SMTP(credentials["host"], credentials["port"], timeout=_TIMEOUT_SECONDS) as connection:
            connection.starttls(context=ssl.create_default_context(cafile=self.product.cloud.smtp_ca_file))
            connection.login(credentials["username"], credentials["password"])
            yield connection

    def logs_in(self, credentials: dict[str, Any]) -> bool:
        """Say whether credentials log in."""
        try:
            with self.connection(credentials):
                return True
        except smtplib.SMTPAuthenticationError:
            return False

    def send(self, to: str, subject: str) -> None:
        """Send a mail with the present credentials."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = SENDER, to, subject
        mail.set_content("Sent by SMTP.")
        with self.connection(self.credentials()) as connection:
            connection.send_message(mail)

    # Operators

    @property
    def machine_arn(self) -> str:
        """The state machine."""
        return self.product.stack.outputs["RotationStateMachineArn"]

    def start(self, **waits: float) -> str:
        """Start a rotation with waits of so many seconds, and return its execution's ARN."""
        started = self.product.client("stepfunctions").start_execution(
            stateMachineArn=self.machine_arn, input=json.dumps(waits)
        )
        return str(started["executionArn"])

    def run(self, **waits: float) -> Run:
        """Rotate once, and return the execution once it is over."""
        return self.product.wait_for_end(self.start(**waits))

    def execution_arns(self) -> list[str]:
        """Return the rotations so far, newest first."""
        found = self.product.client("stepfunctions").list_executions(stateMachineArn=self.machine_arn)
        return [str(execution["executionArn"]) for execution in found["executions"]]

    @property
    def user(self) -> str:
        """The name of the user whose keys rotate."""
        resource = self.product.client("cloudformation").describe_stack_resource(
            StackName=self.product.stack.stack_name, LogicalResourceId="SmtpUser"
        )
        return str(resource["StackResourceDetail"]["PhysicalResourceId"])

    def keys(self) -> dict[str, str]:
        """Return the user's access keys, each with its status."""
        found = self.product.client("iam").list_access_keys(UserName=self.user)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in found}

    def labels(self) -> dict[str, str]:
        """Return the secret's staging labels, each with the version that carries it."""
        found = self.product.client("secretsmanager").list_secret_version_ids(SecretId=self.secret)
        return {
            label: version["VersionId"] for version in found["Versions"] for label in version["VersionStages"]
        }

    def delete_key(self, *key_ids: str) -> None:
        """Delete access keys of the user by hand."""
        for key_id in key_ids:
            self.product.client("iam").delete_access_key(UserName=self.user, AccessKeyId=key_id)

    def move_label(self, label: str, *, source: str, target: str = "") -> None:
        """Take a staging label off one version by hand, and put it on another where there is one."""
        move = {"MoveToVersionId": target} if target else {}
        self.product.client("secretsmanager").update_secret_version_stage(
            SecretId=self.secret,
            VersionStage=label,
            RemoveFromVersionId=source,
            **move,
        )
