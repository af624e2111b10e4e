"""GeneratePassword: makes the password and the link secret, and lets nobody see them."""

import os
from typing import TypedDict

from latchkey import iam, kms
from latchkey.claims import generate_link_secret
from latchkey.entry import task
from latchkey.kms import Secrets
from latchkey.passwords import generate_password


class Event(TypedDict):
    execution: str


class Result(TypedDict):
    sealed: str


@task
def handler(event: Event, _context: object) -> Result:
    password = generate_password(iam.password_policy(), int(os.environ["PASSWORD_LENGTH"]))
    return {"sealed": kms.seal(Secrets(password, generate_link_secret()), event["execution"])}
