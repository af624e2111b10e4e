"""The users of a fresh local cloud."""

from __future__ import annotations

import json
import secrets
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sesv2 import SESV2Client

SENDER = "latchkey@example.com"
ADMIN = "admin@example.com"
USERS = ("alice@example.com", "bob@example.com")
_DEFAULT_SET = "account-default"
_LOGS_ROLE = "api-gateway-logs"
USER_WITHOUT_CONSOLE = "robot@example.com"


def _any_password() -> str:
    """Make up a password that AWS's default policy accepts; it is never used."""
    return "Aa0!" + "".join(secrets.choice(string.ascii_letters) for _ in range(24))


def seed(iam: IAMClient, ses: SESV2Client, gateway: APIGatewayClient) -> None:
    """Verify the sender, let stages write access logs, and create the users; may run again.

    The sender has a default configuration set, as in accounts that monitor their mails.
    """
    role = {"op": "replace", "path": "/cloudwatchRoleArn", "value": _logs_role(iam)}
    gateway.update_account(patchOperations=[role])  # type: ignore[list-item]  # the stubs want a literal
    verified = {identity["IdentityName"] for identity in ses.list_email_identities()["EmailIdentities"]}
    if SENDER not in verified:
        ses.create_email_identity(EmailIdentity=SENDER)
        ses.create_configuration_set(ConfigurationSetName=_DEFAULT_SET)
        ses.put_email_identity_configuration_set_attributes(
            EmailIdentity=SENDER, ConfigurationSetName=_DEFAULT_SET
        )
    known = {
        user["UserName"] for page in iam.get_paginator("list_users").paginate() for user in page["Users"]
    }
    for name in {*USERS, USER_WITHOUT_CONSOLE} - known:
        iam.create_user(UserName=name)
    for name in set(USERS) - known:
        iam.create_login_profile(UserName=name, Password=_any_password(), PasswordResetRequired=False)


def _logs_role(iam: IAMClient) -> str:
    """Return the ARN of the role that API Gateway writes logs with, made if there is none."""
    try:
        return iam.get_role(RoleName=_LOGS_ROLE)["Role"]["Arn"]
    except iam.exceptions.NoSuchEntityException:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return iam.create_role(RoleName=_LOGS_ROLE, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
