"""The product and the baseline on one local cloud, driven alike from outside."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import httpx

from local import sam
from local.cloud import LocalCloud
from local.driver.product import Link, Product, wait_for
from local.seed import SENDER

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

_BASELINE: Final = "latchkey-baseline"
_DEADLINE_SECONDS: Final = 300
_USERS_AT_ONCE: Final = 4
# What a client gets when a function, a service behind it or this machine is overloaded.
_TRY_AGAIN: Final = {
    httpx.codes.SERVICE_UNAVAILABLE,
    httpx.codes.TOO_MANY_REQUESTS,
    httpx.codes.GATEWAY_TIMEOUT,
}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_BYTES_PER_LOG_EVENT: Final = 26
_ROLE: Final = re.compile(r"-(?P<name>[A-Za-z]+)Role-")
_FUNCTION: Final = re.compile(r"-(?P<name>[A-Za-z]+Function)-")


@dataclass(frozen=True)
class Service:
    """Something that resets passwords: the product or the baseline."""

    name: str
    api_url: str


class ResetFailedError(RuntimeError):
    """When a reset failed and was undone, as on an overloaded machine."""


@dataclass(frozen=True)
class Asked:
    """A reset from the request to the mail, which was sent at `mailed_at`, in seconds since 1970."""

    user: str
    link: Link
    seconds: float
    mailed_at: float


class Comparison:
    """Both services, and their users."""

    def __init__(self, cloud: LocalCloud, product: Product) -> None:
        """Deploy the baseline beside the product, and let an IAM user sign requests to both."""
        self.cloud = cloud
        self.product = product
        self.ours = Service("Latchkey", product.stack.api_url)
        self.baseline = Service("baseline", self._deploy_baseline())
        allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
        self._key = product.create_caller(json.dumps({"Version": "2012-10-17", "Statement": [allow]}))

    def _deploy_baseline(self) -> str:
        self.product.client("s3").create_bucket(Bucket=sam.packages_bucket(_BASELINE))
        url = f"{self.cloud.endpoint_url}/_aws/execute-api/baseline/baseline"
        folder = self.cloud.root / "bench" / "baseline"
        given = {"SenderAddress": SENDER, "PageUrl": url}
        sam.deploy(folder, self.cloud.endpoint_url, _BASELINE, given, {"ms-custom-id": "baseline"})
        return url

    def users(self, number: int) -> list[str]:
        """Create users who have a password."""
        with ThreadPoolExecutor(_USERS_AT_ONCE) as pool:
            return list(pool.map(lambda _: self.product.create_user("Aa0!anything-at-all"), range(number)))

    def request(self, service: Service, user: str) -> None:
        """Ask for a reset by a signed call."""

        def look() -> bool:
            answer = self.product.request_signed(user, self._key, service.api_url)
            if answer.status_code in _TRY_AGAIN:
                return False
            if answer.status_code != httpx.codes.ACCEPTED:
                raise RuntimeError(
                    f"{service.name} answered {answer.status_code} to a request: {answer.text}"
                )
            return True

        wait_for("a request to be taken", look, _DEADLINE_SECONDS)

    def ask(self, service: Service, user: str) -> Asked:
        """Ask for a user's first reset and wait for its mail; timed until the mail was sent.

        Raises ResetFailedError when the mail brings no link.
        """
        started = time.time()
        self.request(service, user)
        mail = self.product.wait_for_mail(user, about="", seconds=_DEADLINE_SECONDS)
        if "CONFIDENTIAL" not in mail["subject"]:
            raise ResetFailedError(f"The reset of {user} failed; this machine may be too busy to measure on.")
        mailed_at = datetime.fromisoformat(mail["sent_at"]).timestamp()
        return Asked(user, Link.within(mail["text"]), mailed_at - started, mailed_at)

    def claim(self, service: Service, asked: Asked) -> float:
        """Claim a link and return the seconds that the revealing answer took."""
        return self.reveal(service, asked)[0]

    def reveal(self, service: Service, asked: Asked) -> tuple[float, str]:
        """Claim a link; return the seconds that the revealing answer took, and the password.

        A moment after the mail the workflow may not wait yet; those answers are not timed.
        """

        def look() -> tuple[float, str] | None:
            started = time.perf_counter()
            answer = self.product.http.post(
                f"{service.api_url}/extract", json={"ph": asked.link.ph, "rs": asked.link.rs}
            )
            seconds = time.perf_counter() - started
            if answer.status_code == httpx.codes.OK and (password := answer.json()["password"]):
                return seconds, str(password)
            if answer.status_code not in _TRY_AGAIN:
                raise RuntimeError(f"{service.name} answered {answer.status_code} to a claim: {answer.text}")
            return None

        return wait_for("a claim", look, _DEADLINE_SECONDS)

    def wait_until_open(self, number: int) -> None:
        """Wait until no more resets of the product run than the `number` that wait for their claim."""
        pages = self.product.client("stepfunctions").get_paginator("list_executions")
        machine = self.product.stack.outputs["ResetStateMachineArn"]

        def look() -> bool:
            found = pages.paginate(stateMachineArn=machine, statusFilter="RUNNING")
            return sum(len(page["executions"]) for page in found) <= number

        wait_for(f"all but {number} resets to end", look, _DEADLINE_SECONDS)

    @contextmanager
    def calls(self) -> Generator[list[dict[str, str]]]:
        """Note the AWS calls that roles make meanwhile; the list is filled at the end."""
        url = f"{self.cloud.endpoint_url}/_latchkey/calls"
        self.product.http.delete(url).raise_for_status()
        made: list[dict[str, str]] = []
        yield made
        for call in self.product.http.get(url).json():
            role = role_in(call["principal"])
            if role:
                made.append({"by": role, "service": call["service"], "action": call["action"]})

    def log_bytes(self) -> int:
        """Return how much the functions have logged so far, counted as CloudWatch Logs does."""
        logs = self.product.client("logs")
        names = [
            group["logGroupName"]
            for page in logs.get_paginator("describe_log_groups").paginate()
            for group in page["logGroups"]
        ]
        pages = logs.get_paginator("filter_log_events")
        return sum(
            len(event["message"].encode()) + _BYTES_PER_LOG_EVENT
            for name in names
            for page in pages.paginate(logGroupName=name)
            for event in page["events"]
        )


def at_a_time[Item, Result](number: int, do: Callable[[Item], Result], items: list[Item]) -> list[Result]:
    """Do something for every item, a number at a time."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(do, items))


def role_in(principal: str) -> str | None:
    """Name whose role it is: a function's name without `Function`, or a state machine's; None for people."""
    match = _ROLE.search(principal)
    return match["name"] if match else None


def function_in(text: str) -> str | None:
    """Find the logical name of a function within its physical one, or a path made of it."""
    match = _FUNCTION.search(text)
    return match["name"] if match else None


@contextmanager
def deployed(folder: Path) -> Generator[Comparison]:
    """Start a local cloud with both services; only signed calls ask, each user once a day."""
    with ExitStack() as stack:
        cloud = stack.enter_context(LocalCloud(folder, resets_only=True))
        cloud.deploy({"RequestAccess": "Iam", "RequestWindowMinutes": "1440"})
        # Anything still running would be counted and timed as well.
        cloud.wait_for_first_runs()
        product = stack.enter_context(closing(Product(cloud)))
        yield Comparison(cloud, product)
