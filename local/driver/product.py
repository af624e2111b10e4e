"""The product as its users, its operators and their browsers see it, for the demo and the tests."""

from __future__ import annotations

import json
import re
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from latchkey.domain.claims import item_id, reset_key, user_key

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from local.cloud import LocalCloud, Stack

#: Of what takes seconds on a quiet machine.
_DEADLINE_SECONDS = 120
_POLL_SECONDS = 0.05
_TIMEOUT_SECONDS = 60
#: Of GetExecutionHistory.
_LARGEST_PAGE = 1_000
_CODE = re.compile(
    r"^(?P<page>extract|confirm|revoke|unlock)(?P<user>\w{32})(?P<expiry>\d{10})(?P<reset>\w{32})(?P<rs>[\w-]{43})$",
    re.MULTILINE,
)
_LINK = re.compile(r"(?P<page>\S+/(?:extract|confirm|revoke|unlock))#ph=(?P<ph>[^&\s]+)&rs=(?P<rs>\S+)")


class NothingHappenedError(AssertionError):
    """When something awaited did not happen in time."""


def wait_for[T](what: str, look: Callable[[], T | None], seconds: float = _DEADLINE_SECONDS) -> T:
    """Return the first true value `look` gives; poll until it does.

    Raises:
        NothingHappenedError: when that takes longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise NothingHappenedError(f"{what}: not within {seconds} s")
        time.sleep(_POLL_SECONDS)
    return found


@dataclass(frozen=True)
class Link:
    """A mailed link, taken apart."""

    page: str
    ph: str
    rs: str = field(repr=False)

    @classmethod
    def within(cls, text: str) -> Link:
        """Find the link in a mail's text."""
        match = _LINK.search(text)
        if match is None:
            raise NothingHappenedError("The mail has no link.")
        return cls(**match.groupdict())

    @classmethod
    def of_code(cls, text: str, base_url: str) -> Link:
        """Find the code in a mail's text, and take it apart as the page does into which it is pasted."""
        match = _CODE.search(text)
        if match is None:
            raise NothingHappenedError("The mail has no code.")
        handle = ".".join(match.group("user", "expiry", "reset"))
        return cls(page=f"{base_url}/{match['page']}", ph=handle, rs=match["rs"])


class Product:
    """A deployed Latchkey, from outside."""

    def __init__(self, cloud: LocalCloud, stack: Stack | None = None) -> None:
        """Speak to what is deployed on `cloud`, or to another stack there."""
        self.cloud = cloud
        self.stack = stack or cloud.stack
        self.http = httpx.Client(timeout=_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Let go of every connection."""
        self.http.close()

    def _ask(self, what: str, **of: str | float) -> Any:  # noqa: ANN401  # any JSON
        """Ask the emulator what it saw; with `within` it waits for that (docs/architecture.md)."""
        answer = self.http.get(
            f"{self.stack.endpoint_url}/_latchkey/{what}",
            params=of,
            headers={"Accept": "application/json"},
            timeout=_TIMEOUT_SECONDS + float(of.get("within", 0)),
        )
        return answer.raise_for_status().json()

    # People

    def request(self, user: str, **more: str) -> httpx.Response:
        """Ask for a reset."""
        return self.http.post(f"{self.stack.api_url}/generate", json={"user": user, **more})

    def create_caller(self, *policies: str) -> Credentials:
        """Create an IAM user with these policies, and return its access key."""
        iam, name = self.client("iam"), f"caller-{secrets.token_hex(4)}"
        iam.create_user(UserName=name)
        for number, document in enumerate(policies):
            iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def request_signed(self, user: str, key: Credentials, api_url: str = "") -> httpx.Response:
        """Ask for a reset by a call that is signed with a key; of another API, if one is given."""
        url, body = f"{api_url or self.stack.api_url}/generate", json.dumps({"user": user})
        request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
        SigV4Auth(key, "execute-api", self.stack.region).add_auth(request)
        return self.http.post(url, content=body, headers=dict(request.headers.items()))

    def mails(self, to: str = "", about: str = "") -> list[dict[str, Any]]:
        """Return the mails an address got whose subject contains `about`, oldest first; else those of all."""
        mails: list[dict[str, Any]] = self._ask("mailbox", to=to, about=about)
        return mails

    def wait_for_mail(
        self, to: str, about: str, number: int = 1, seconds: float = _DEADLINE_SECONDS
    ) -> dict[str, Any]:
        """Return the `number`-th mail about something to an address, once it is there."""
        mails: list[dict[str, Any]] = self._ask("mailbox", to=to, about=about, number=number, within=seconds)
        if len(mails) < number:
            raise NothingHappenedError(f"No mail {number} about '{about}' to {to} in {seconds} s")
        return mails[number - 1]

    def wait_for_link(self, user: str, number: int = 1) -> Link:
        """Return the link in the `number`-th mail that brings the user one."""
        return Link.within(self.wait_for_mail(user, "CONFIDENTIAL", number)["text"])

    def wait_for_question(self, user: str, number: int = 1) -> Link:
        """Return the link in the `number`-th mail that asks the user whether the request was theirs."""
        return Link.within(self.wait_for_mail(user, "Did you ask", number)["text"])

    def wait_for_notice(self, user: str, number: int = 1) -> Link:
        """Return the link in the `number`-th mail that tells the user of a claim."""
        return Link.within(self.wait_for_mail(user, "was shown", number)["text"])

    def answer(self, link: Link, answer: str) -> httpx.Response:
        """Press Yes or No on the page of a question, once."""
        return self.press("confirm", link, answer=answer)

    def revoke(self, link: Link) -> httpx.Response:
        """Press This was not me on the page of a notice, once."""
        return self.press("revoke", link)

    def press(self, route: str, link: Link, **more: str) -> httpx.Response:
        """Send what the button of a link's page sends."""
        return self.http.post(f"{self.stack.api_url}/{route}", json={"ph": link.ph, "rs": link.rs, **more})

    def request_and_confirm(self, user: str, **more: str) -> httpx.Response:
        """Ask for a reset, and confirm it through the mail."""
        mails = len(self.mails(user, "Did you ask"))
        answer = self.request(user, **more)
        self.answer(self.wait_for_question(user, mails + 1), "yes").raise_for_status()
        return answer

    def claim(self, link: Link) -> httpx.Response:
        """Press Reveal, again and again, as a person would, while it is not ready or does not answer."""
        again = {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}
        return wait_for(
            "the workflow to wait for the claim",
            lambda: answer if (answer := self.extract(link)).status_code not in again else None,
        )

    def extract(self, link: Link) -> httpx.Response:
        """Send what the Reveal button sends, once."""
        return self.press("extract", link)

    def sign_in(self, user: str, password: str) -> dict[str, Any]:
        """Try a password at the console's sign-in."""
        answer = self.http.post(
            f"{self.stack.endpoint_url}/_latchkey/sign-in", json={"user": user, "password": password}
        )
        result: dict[str, Any] = answer.json()
        return result

    def create_user(self, password: str, tags: dict[str, str] | None = None) -> str:
        """Create an IAM user with console access and return its name."""
        name = f"user-{secrets.token_hex(6)}@example.com"
        iam = self.client("iam")
        iam.create_user(
            UserName=name, Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        )
        iam.create_login_profile(UserName=name, Password=password)
        return name

    # Operators

    def client(self, service: str) -> Any:  # noqa: ANN401  # boto3's clients have no common type.
        """Return the administrator's boto3 client of a service."""
        return self.cloud.client(service)

    def execution_arns(self, *users: str) -> list[str]:
        """Return the resets of one user or several, oldest first."""
        pages = (
            self.client("stepfunctions")
            .get_paginator("list_executions")
            .paginate(stateMachineArn=self.stack.outputs["ResetStateMachineArn"])
        )
        found = [execution for page in pages for execution in page["executions"]]
        keys = tuple(user_key(user) for user in users)
        mine = [execution for execution in found if execution["name"].startswith(keys)]
        return [execution["executionArn"] for execution in sorted(mine, key=lambda each: each["startDate"])]

    def start_reset(self, user: str, *, confirm: bool = False) -> str:
        """Start a reset in a window of its own, and return its execution's ARN.

        As an operator does, or as an unauthenticated request does, which the user has to confirm.
        """
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.stack.outputs["ResetStateMachineArn"],
            name=f"{user_key(user)}-{secrets.token_hex(6)}",
            input=json.dumps({"user": user} | ({"confirm": True} if confirm else {})),
        )
        return str(started["executionArn"])

    def wait_for_state(self, arn: str, state: str) -> None:
        """Wait until an execution has entered a state."""
        progress = self._ask("execution", arn=arn, state=state, within=_DEADLINE_SECONDS)
        if state not in progress["states"]:
            raise NothingHappenedError(f"No {state} in {arn}, which is {progress['status']}")

    def wait_for_end(self, arn: str, seconds: float = _DEADLINE_SECONDS) -> Run:
        """Return an execution once it is over."""
        progress = self._ask("execution", arn=arn, within=seconds)
        if progress["status"] == "RUNNING":
            raise NothingHappenedError(f"No end of {arn} in {seconds} s: it came to {progress['states']}")
        description = self.client("stepfunctions").describe_execution(executionArn=arn)
        return Run(description, self.history(arn))

    def history(self, arn: str) -> list[dict[str, Any]]:
        """Return every event of an execution, oldest first."""
        pages = self.client("stepfunctions").get_paginator("get_execution_history")
        found = pages.paginate(executionArn=arn, PaginationConfig={"PageSize": _LARGEST_PAGE})
        return [event for page in found for event in page["events"]]

    def wait_until_claimable(self, user: str) -> None:
        """Wait until the user's present reset shows its password to who presses Reveal."""
        wait_for(f"the reset of {user} to wait", lambda: self.phase(user) == "waiting")

    def start_reset_and_claim(self, user: str) -> str:
        """Start a reset as an operator does, claim its link, and return its execution's ARN."""
        mails = len(self.mails(user, "CONFIDENTIAL"))
        arn = self.start_reset(user)
        self.claim(self.wait_for_link(user, mails + 1)).raise_for_status()
        return arn

    def item(self, user: str) -> dict[str, Any]:
        """Return a user's item in the registry, as DynamoDB spells it; empty where there is none."""
        key = {"id": {"S": item_id(user_key(user))}}
        answer = self.client("dynamodb").get_item(TableName=self.registry, Key=key, ConsistentRead=True)
        found: dict[str, Any] = answer.get("Item", {})
        return found

    def make_due(self, user: str) -> None:
        """Let so much time pass that the cleanup looks at the user's reset."""
        self.client("dynamodb").update_item(
            TableName=self.registry,
            Key={"id": self.item(user)["id"]},
            UpdateExpression="SET due_at = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )

    def phase(self, user: str) -> str:
        """Return how far the user's present reset has come; empty where there is none."""
        return str(self.item(user).get("current", {}).get("M", {}).get("phase", {}).get("S", ""))

    def waiting(self, user: str) -> list[str]:
        """Return what still waits for a user: a reset under way, stored passwords, unanswered questions."""
        phase = self.phase(user)
        questions = [link["id"]["S"] for link in self.links("question") if link["user"]["S"] == user]
        return [phase] * (phase not in {"", "claimed", "over"}) + self.passwords(user) + questions

    def passwords(self, user: str) -> list[str]:
        """Return the names of the parameters that hold passwords of the user's resets."""
        own = {reset_key(arn.rpartition(":")[2]) for arn in self.execution_arns(user)}
        folder = f"/latchkey/{self.stack.stack_name}/passwords"
        return [name for name in self.parameters_below(folder) if name.rpartition("/")[2] in own]

    def stored_password(self, user: str) -> str:
        """Decrypt the one password that waits for a user."""
        (name,) = self.passwords(user)
        found = self.client("ssm").get_parameter(Name=name, WithDecryption=True)
        return str(found["Parameter"]["Value"]).partition(":")[2]

    def links(self, kind: str) -> list[dict[str, Any]]:
        """Return the items of mailed links that ask: of the kind `question` or `notice`."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.registry)
        return [item for page in pages for item in page["Items"] if item["id"]["S"].startswith(f"{kind}#")]

    @cached_property
    def registry(self) -> str:
        """The name of the registry's table."""
        return self.physical_id("RegistryTable")

    def physical_id(self, logical_id: str) -> str:
        """Return the name of what a resource of the template became."""
        resource = self.client("cloudformation").describe_stack_resource(
            StackName=self.stack.stack_name, LogicalResourceId=logical_id
        )
        return str(resource["StackResourceDetail"]["PhysicalResourceId"])

    def parameters_below(self, path: str) -> list[str]:
        """Return the names of all parameters below a path."""
        pages = self.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
        return [parameter["Name"] for page in pages for parameter in page["Parameters"]]

    @contextmanager
    def faults(self, *faults: dict[str, Any]) -> Generator[Callable[[], list[int]]]:
        """Inject faults into AWS calls; yield a function that returns how often each was hit."""
        url = f"{self.stack.endpoint_url}/_latchkey/faults"
        for fault in faults:
            self.http.post(url, json=fault).raise_for_status()
        try:
            yield lambda: [fault["hits"] for fault in self.http.get(url).json()]
        finally:
            self.http.delete(url).raise_for_status()

    @contextmanager
    def concurrent_functions(self, number: int) -> Generator[None]:
        """Let no more functions run at once meanwhile; a new account on AWS has ten."""
        url = f"{self.stack.endpoint_url}/_latchkey/lambda"
        self.http.post(url, json={"functions": number}).raise_for_status()
        try:
            yield
        finally:
            self.http.post(url, json={"functions": None}).raise_for_status()

    @contextmanager
    def waits_as_long_as_on_aws(self) -> Generator[None]:
        """Let Wait states and retries take their whole time meanwhile, whatever the cloud's scale."""
        self._scale_waits(1)
        try:
            yield
        finally:
            self._scale_waits(self.cloud.wait_scale)

    def _scale_waits(self, scale: float) -> None:
        wanted = {"stepfunctions._SFN_WAIT_SCALE": scale}
        answer = self.http.post(f"{self.stack.endpoint_url}/_ministack/config", json=wanted)
        if answer.json() != {"applied": wanted}:
            raise NothingHappenedError(f"MiniStack's waits cannot be changed: {answer.text}")

    @contextmanager
    def claims_live(self, seconds: int) -> Generator[None]:
        """Shorten the life of links that are stored meanwhile."""
        functions = self.client("lambda")
        name = self.physical_id("StorePasswordFunction")
        known = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        shortened = {**known, "CLAIM_TTL_SECONDS": str(seconds)}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": shortened})
        try:
            yield
        finally:
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": known})


@dataclass(frozen=True)
class Run:
    """An execution that is over."""

    description: dict[str, Any]
    events: list[dict[str, Any]] = field(repr=False)

    @property
    def status(self) -> str:
        """SUCCEEDED, FAILED, ABORTED or TIMED_OUT."""
        return str(self.description["status"])

    @property
    def cause(self) -> str:
        """Why it failed; empty where it did not."""
        return str(self.description.get("cause", ""))

    @property
    def states(self) -> list[str]:
        """The states it entered, in order."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.events
            if "stateEnteredEventDetails" in event
        ]

    @property
    def durations(self) -> list[tuple[str, float]]:
        """The states it entered and the seconds it stayed in each."""
        entered = [event for event in self.events if "stateEnteredEventDetails" in event]
        ends = [event["timestamp"] for event in entered[1:]] + [self.events[-1]["timestamp"]]
        return [
            (event["stateEnteredEventDetails"]["name"], (end - event["timestamp"]).total_seconds())
            for event, end in zip(entered, ends, strict=True)
        ]
