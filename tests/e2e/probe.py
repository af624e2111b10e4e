"""Tries AWS calls with the credentials of others, and tells how each was answered."""

import io
import json
import secrets
import zipfile
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.cloud import Stack
from local.driver.product import Product, wait_for

DENIED = {"AccessDenied", "AccessDeniedException"}

_QUICK = Config(retries={"total_max_attempts": 1})
_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_ALLOWED = "allowed"
_LENDER = (
    "import os\n\n\ndef handler(event, _context):\n    return {name: os.environ[name] for name in event}\n"
)


class Probe:
    """Makes calls as one after the other; it keeps its clients, which take longer to make than a call."""

    def __init__(self, stack: Stack) -> None:
        """Make no call yet."""
        self._session = boto3.Session("none", "none", region_name=stack.region)
        self._endpoint_url = stack.endpoint_url
        self._clients: dict[str, Any] = {}

    def close(self) -> None:
        """Let go of every connection."""
        for client in self._clients.values():
            client.close()

    def answers(
        self, environment: Mapping[str, str], calls: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, str]:
        """Try each call with the credentials in an environment; return the error codes, or "allowed"."""
        # Every client asks this one object when it signs.
        credentials = self._session.get_credentials()
        assert isinstance(credentials, Credentials)
        credentials.access_key, credentials.secret_key, credentials.token = (
            environment[name] for name in _NAMES
        )
        return {name: self._attempt(**call) for name, call in calls.items()}

    def _attempt(self, service: str, call: str, arguments: dict[str, Any]) -> str:
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service, endpoint_url=self._endpoint_url, config=_QUICK
            )  # type: ignore[call-overload]
        try:
            getattr(self._clients[service], call)(**arguments)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return _ALLOWED


def borrowed(product: Product, function: str) -> dict[str, str]:
    """Return the credentials of a function, as one that only tells them gets under the same role."""
    functions = product.client("lambda")
    configured = functions.get_function_configuration(FunctionName=product.physical_id(f"{function}Function"))
    name, packed = f"lender-{secrets.token_hex(4)}", io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("lender.py", _LENDER)
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="lender.handler",
        Role=configured["Role"],
        Code={"ZipFile": packed.getvalue()},
    )
    asked = json.dumps(_NAMES).encode()

    def invoke() -> dict[str, str]:
        answer = json.load(functions.invoke(FunctionName=name, Payload=asked)["Payload"])
        assert answer.keys() == set(_NAMES), "the lender did not answer"
        return dict(answer)

    try:
        return wait_for("the credentials", invoke)
    finally:
        functions.delete_function(FunctionName=name)
