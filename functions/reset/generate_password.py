"""GeneratePassword: makes the password and the link secret, and shows them to no one."""

import os
from typing import Any, NotRequired, TypedDict

from latchkey.adapters import iam, kms
from latchkey.adapters.kms import Secrets
from latchkey.domain.claims import generate_link_secret
from latchkey.domain.passwords import PasswordPolicy, generate_password
from latchkey.handler import task_handler


class Event(TypedDict):
    """`policy` is what the directory asks of the password; IAM's is read here."""

    execution: str
    user: str
    policy: NotRequired[dict[str, Any]]


class Result(TypedDict):
    sealed: str


@task_handler
def handler(event: Event, _context: object) -> Result:
    policy = PasswordPolicy.of(event["policy"]) if "policy" in event else iam.password_policy()
    password = generate_password(policy, int(os.environ["PASSWORD_LENGTH"]))
    secrets = Secrets(password, generate_link_secret())
    return {"sealed": kms.seal(secrets, event["execution"], event["user"], os.environ["CLAIM_KEY_ARN"])}
