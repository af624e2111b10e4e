"""The least code that resets a password: no state machine, encryption, lock or expiry; one function."""  # noqa: INP001

import json
import os
import secrets
from typing import Any

import boto3

_iam = boto3.client("iam")
_ssm = boto3.client("ssm")
_ses = boto3.client("sesv2")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    given = json.loads(event["body"])
    if event["resource"] == "/generate":
        generate(given["user"])
        answer = {"statusCode": 202, "body": "{}"}
    else:
        answer = {"statusCode": 200, "body": json.dumps(extract(given["ph"]))}
    # A function that writes nothing keeps the emulator waiting 50 ms for its log.
    print("Done.")  # noqa: T201
    return answer


def generate(user: str) -> None:
    """Reset, store and mail, one after the other; what fails in between stays as it is."""
    password = f"Aa0!{secrets.token_urlsafe(15)}"
    handle = secrets.token_urlsafe(32)
    _iam.update_login_profile(UserName=user, Password=password, PasswordResetRequired=True)
    _ssm.put_parameter(Name=_name(handle), Type="String", Value=json.dumps([user, password]))
    text = f"{os.environ['PAGE_URL']}/extract#ph={handle}&rs=none"
    _ses.send_email(
        FromEmailAddress=os.environ["SENDER_ADDRESS"],
        Destination={"ToAddresses": [user]},
        Content={"Simple": {"Subject": {"Data": "CONFIDENTIAL"}, "Body": {"Text": {"Data": text}}}},
    )


def extract(handle: str) -> dict[str, str]:
    """Read, then delete: two concurrent requests both read."""
    user, password = json.loads(_ssm.get_parameter(Name=_name(handle))["Parameter"]["Value"])
    _ssm.delete_parameter(Name=_name(handle))
    return {"user": user, "password": password}


def _name(handle: str) -> str:
    return f"{os.environ['FOLDER']}/{handle}"
