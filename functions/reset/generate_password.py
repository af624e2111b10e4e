"""GeneratePassword: makes the password and the link secret, and shows them to no one."""

import os
from typing import TypedDict

from latchkey.adapters import iam, kms
from latchkey.adapters.kms import Secrets
from latchkey.domain.claims import generate_link_secret
from latchkey.domain.passwords import generate_password
from latchkey.handler import task_handler


class Event(TypedDict):
    execution: str


class Result(TypedDict):
    sealed: str


@task_handler
def handler(event: Event, _context: object) -> Result:
    password = generate_password(iam.password_policy(), int(os.environ["PASSWORD_LENGTH"]))
    return {
        "sealed": kms.seal(
            Secrets(password, generate_link_secret()), event["execution"], os.environ["CLAIM_KEY_ARN"]
        )
    }
