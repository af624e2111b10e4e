"""Run the product's end-to-end cases, without faults, on a deployed stage, with people made for it.

It needs an administrator's credentials, since it makes IAM users and removes them, and nothing that only the
local cloud has. Mails go to --inbox, and you paste the links in them. Without it they go to SES's mailbox
simulator, which takes every mail, and what follows a link is not tried. The local cloud's mailbox is read.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from cli import options
from cli.readers import executions
from cli.readers.stack import find_stack
from cli.revoke import revoke
from cli.rules.timeline import read_steps
from cli.stage import read_stage
from latchkey.domain.claims import new_execution_name
from latchkey.domain.deliverability import SIMULATOR

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from boto3 import Session

    from cli.readers.executions import Execution
    from cli.scope import Stack

#: SES takes mails to it, and delivers them nowhere (https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html).
_NO_ONE = f"success@{SIMULATOR}"

#: The stage that is no stage of AWS's.
LOCAL = "local"

_LINK = re.compile(r"#ph=(?P<ph>[^&\s]+)&rs=(?P<rs>[\w-]+)")
#: Without it no one is reset: a temporary password has to be changed.
_CHANGE = "ChangePassword"
#: What IAM answers while a change of the user is not known everywhere.
_NOT_YET = frozenset({"DeleteConflict", "EntityTemporarilyUnmodifiable"})
_PATIENCE_SECONDS = 90
_POLL_SECONDS = 1.0


class CaseFailedError(Exception):
    """When a case does not end as it should; the message says what was seen."""


class NotTriedError(Exception):
    """When a case does not apply to this stage, or needs an inbox; the message says why."""


def expect(kept: object, seen: str) -> None:
    """Fail the case unless a promise was kept.

    Raises:
        CaseFailedError: with what was seen.
    """
    if not kept:
        raise CaseFailedError(seen)


def wait_for[T](what: str, look: Callable[[], T | None]) -> T:
    """Return the first true value `look` gives.

    Raises:
        CaseFailedError: when there is none in time.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (found := look()):
        expect(time.monotonic() < deadline, f"{what}: not within {_PATIENCE_SECONDS} s")
        time.sleep(_POLL_SECONDS)
    return found


def insist(what: str, change: Callable[[], object]) -> None:
    """Make a change of IAM, as soon as IAM takes it."""

    def attempt() -> bool:
        try:
            change()
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_YET:
                return False
            raise
        return True

    wait_for(what, attempt)


@dataclass
class Mails:
    """Where the mails to the people of the smoke test arrive."""

    address: str
    mailbox_url: str = ""
    pasted: bool = False
    seen: set[str] = field(default_factory=set)

    def link(self, subject: str) -> dict[str, str]:
        """Return handle and secret of the link in the next mail with that subject.

        Raises:
            NotTriedError: when no mail can be read.
        """
        if self.mailbox_url:
            return wait_for(f"a mail '{subject}'", lambda: self._arrived(subject))
        if not self.pasted:
            raise NotTriedError("needs --inbox, to whose mails you have access")
        # Not echoed: it is a secret until it is used, seconds later.
        text = click.prompt(
            f"Paste the link of the mail '{subject}' to {self.address}", hide_input=True, err=True
        )
        found = _LINK.search(text)
        if found is None:
            raise CaseFailedError("That is no link of Latchkey's.")
        return found.groupdict()

    def _arrived(self, subject: str) -> dict[str, str] | None:
        asked = {"to": self.address, "about": subject}
        mails = httpx.get(self.mailbox_url, params=asked, headers={"Accept": "application/json"}).json()
        for mail in mails:
            found = _LINK.search(mail["text"])
            if found and found["ph"] not in self.seen:
                self.seen.add(found["ph"])
                return found.groupdict()
        return None


@dataclass
class Stage:
    """A deployed stage, from outside: `api` is its own address, `base` the one that people reach it by."""

    session: Session
    stack: Stack
    api: str
    base: str
    mails: Mails

    @property
    def access(self) -> str:
        """Who may ask: Iam, Cognito or Public."""
        return self.stack.parameters["RequestAccess"]

    def post(self, route: str, body: dict[str, str], *, signed: bool = False) -> httpx.Response:
        """Post JSON to a route, signed by the caller's credentials if so asked.

        A signature holds for the host that is called: behind a proxy, for the API's own alone.
        """
        url, content = f"{self.api if signed else self.base}/{route}", json.dumps(body)
        request = AWSRequest("POST", url, {"Content-Type": "application/json"}, content)
        credentials = self.session.get_credentials()
        if signed and credentials:
            SigV4Auth(credentials, "execute-api", self.session.region_name).add_auth(request)
        return httpx.post(url, content=content, headers=dict(request.headers), timeout=30)

    def ask(self, user: str) -> str:
        """Ask for a reset as this stage's people do, or else as an operator; return the execution's ARN."""
        sfn, machine = self.session.client("stepfunctions"), executions.machine_arn(self.stack, "reset")
        if self.access == "Cognito":
            return sfn.start_execution(
                stateMachineArn=machine, name=new_execution_name(user), input=json.dumps({"user": user})
            )["executionArn"]
        answer = self.post("generate", {"user": user}, signed=self.access == "Iam")
        expect(answer.status_code == httpx.codes.ACCEPTED, f"POST /generate answered {answer.status_code}")
        return wait_for("the execution", lambda: executions.last_of(self.session, self.stack, user)).arn

    def follow(self, arn: str, *states: str) -> Execution:
        """Wait until an execution has entered one of the states, or has ended."""
        sfn = self.session.client("stepfunctions")

        def look() -> Execution | None:
            entered = {step.state for step in read_steps(executions.history(sfn, arn))}
            found = executions.describe(sfn, arn)
            return found if entered & set(states) or found.status != "RUNNING" else None

        return wait_for(f"{' or '.join(states)} in {arn}", look)

    def reach(self, arn: str, state: str) -> None:
        """Wait until an execution is in a state that waits for a person.

        Raises:
            CaseFailedError: when it ended before, with its cause.
        """
        found = self.follow(arn, state)
        expect(found.status == "RUNNING", found.failure)

    def states(self, arn: str) -> list[str]:
        """Return the states that an execution has entered."""
        return [
            step.state for step in read_steps(executions.history(self.session.client("stepfunctions"), arn))
        ]

    @contextmanager
    def person(self, *tags: str, address: str = "", console: bool = True) -> Generator[str]:
        """Make an IAM user who may choose a password and nothing else; remove it, and its reset."""
        iam, name = self.session.client("iam"), f"latchkey-smoke-{secrets.token_hex(6)}"
        given = {"email": address} if address else {}
        given |= dict.fromkeys(tags, "true")
        made = iam.create_user(
            UserName=name, Tags=[{"Key": key, "Value": value} for key, value in given.items()]
        )
        try:
            iam.get_waiter("user_exists").wait(UserName=name)
            allowed = {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": made["User"]["Arn"]}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
            iam.put_user_policy(UserName=name, PolicyName=_CHANGE, PolicyDocument=policy)
            if console:
                iam.create_login_profile(UserName=name, Password=f"Aa0!{secrets.token_urlsafe(32)}")
                # Before IAM knows of the policy, no reset is made.
                wait_for(f"{name} may choose a password", lambda: self._may_choose(made["User"]["Arn"]))
            yield name
        finally:
            if executions.last_of(self.session, self.stack, name, "RUNNING"):
                self.revoke(name)
            if console:
                insist("no password is left", lambda: iam.delete_login_profile(UserName=name))
            iam.delete_user_policy(UserName=name, PolicyName=_CHANGE)
            insist("no user is left", lambda: iam.delete_user(UserName=name))

    def _may_choose(self, arn: str) -> bool:
        asked = self.session.client("iam").simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=["iam:ChangePassword"], ResourceArns=[arn]
        )
        return all(each["EvalDecision"] == "allowed" for each in asked["EvaluationResults"])

    def revoke(self, user: str) -> bool:
        """Revoke a user's reset as `latchkey revoke` does; tell whether it was undone."""
        try:
            region = ["--region", self.session.region_name]
            revoke.main(["--stack", self.stack.name, *region, "--yes", user], standalone_mode=False)
        except SystemExit:
            return False
        return True


# The cases


def pages_change_nothing(stage: Stage) -> None:
    """Find each page, by GET and HEAD, under its security headers."""
    for route in ("generate", "confirm", "extract", "revoke"):
        page = httpx.get(f"{stage.base}/{route}", timeout=30)
        expect(page.status_code == httpx.codes.OK, f"GET /{route} answered {page.status_code}")
        for header in ("content-security-policy", "referrer-policy", "strict-transport-security"):
            expect(header in page.headers, f"GET /{route} has no {header}")
        expect(httpx.head(f"{stage.base}/{route}", timeout=30).is_success, f"HEAD /{route} failed")


def only_who_may_ask_is_answered(stage: Stage) -> None:
    """Refuse who has no signature or token, unless anyone may ask, and a request that names no user."""
    if stage.access != "Public":
        answer = stage.post("generate", {"user": "latchkey-smoke"})
        refused = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
        expect(answer.status_code in refused, f"an unsigned request was answered {answer.status_code}")
    if stage.access != "Cognito":
        answer = stage.post("generate", {}, signed=stage.access == "Iam")
        expect(answer.status_code == httpx.codes.BAD_REQUEST, f"no user was answered {answer.status_code}")


def people_who_may_not_be_reset_are_rejected(stage: Stage) -> None:
    """Reject the unknown, the protected, and those without a console password or an address."""
    address = stage.mails.address
    with (
        stage.person("latchkey:protected", address=address) as protected,
        stage.person(address=address, console=False) as robot,
        stage.person() as silent,
    ):
        unknown = f"latchkey-smoke-{secrets.token_hex(6)}"
        for user in (unknown, protected, robot, silent):
            arn = stage.ask(user)
            stage.follow(arn, "Rejected")
            expect(stage.states(arn)[-1] == "Rejected", f"{user} ended in {stage.states(arn)[-1]}")


def a_mail_is_accepted_and_a_reset_is_revoked(stage: Stage) -> None:
    """Have SES take the mail with the link, and end the reset as an operator does."""
    with stage.person(address=stage.mails.address) as user:
        sfn, machine = stage.session.client("stepfunctions"), executions.machine_arn(stage.stack, "reset")
        arn = sfn.start_execution(
            stateMachineArn=machine, name=new_execution_name(user), input=json.dumps({"user": user})
        )["executionArn"]
        stage.reach(arn, "WaitForClaim")
        if stage.mails.mailbox_url:
            stage.mails.link("CONFIDENTIAL")
        expect(stage.revoke(user), "the reset was not undone")


def a_link_is_claimed_once(stage: Stage) -> None:
    """Get nothing for a wrong secret, a password to be changed for the link, and nothing after that."""
    with stage.person(address=stage.mails.address) as user:
        arn = stage.ask(user)
        if stage.access == "Public":
            stage.reach(arn, "ConfirmRequest")
            question = stage.mails.link("Did you ask")
            answer = stage.post("confirm", {**question, "answer": "yes"})
            expect(answer.is_success, f"POST /confirm answered {answer.status_code}")
        stage.reach(arn, "WaitForClaim")
        link = stage.mails.link("CONFIDENTIAL")
        wrong = stage.post("extract", {**link, "rs": secrets.token_urlsafe(32)})
        expect(wrong.status_code == httpx.codes.GONE, f"a wrong secret was answered {wrong.status_code}")
        claimed = wait_for("the claim", lambda: _unless_to_try_again(stage.post("extract", link)))
        expect(claimed.is_success, f"the link was answered {claimed.status_code}")
        expect(claimed.json()["password"], "there was no password")
        again = stage.post("extract", link)
        expect(again.status_code == httpx.codes.GONE, f"the link again was answered {again.status_code}")
        stage.follow(arn, "Claimed")
        expect(stage.states(arn)[-1] == "Claimed", f"it ended in {stage.states(arn)[-1]}")
        profile = stage.session.client("iam").get_login_profile(UserName=user)["LoginProfile"]
        expect(profile["PasswordResetRequired"], "the password need not be changed")


def _unless_to_try_again(answer: httpx.Response) -> httpx.Response | None:
    again = {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}
    return None if answer.status_code in again else answer


def reminders_are_planned(stage: Stage) -> None:
    """Read the sources of the reminders, and mail no one."""
    machine = executions.machine_arn(stage.stack, "reminders")
    reminds = stage.stack.parameters["RemindIamUsers"] == "true" or stage.stack.parameters["DirectoryHosts"]
    if not reminds:
        raise NotTriedError("this stage reminds no one")
    started = stage.session.client("stepfunctions").start_execution(
        stateMachineArn=machine, input=json.dumps({"mode": "dry-run"})
    )
    found = stage.follow(started["executionArn"], "Reported")
    expect(found.status == "SUCCEEDED", found.failure)


CASES: tuple[Callable[[Stage], None], ...] = (
    pages_change_nothing,
    only_who_may_ask_is_answered,
    people_who_may_not_be_reset_are_rejected,
    a_mail_is_accepted_and_a_reset_is_revoked,
    a_link_is_claimed_once,
    reminders_are_planned,
)


def run(stage: Stage) -> bool:
    """Run every case, tell how each went, and return whether none failed."""
    failed = 0
    for case in CASES:
        started = time.monotonic()
        name = case.__name__.replace("_", " ")
        try:
            case(stage)
        except NotTriedError as reason:
            click.echo(f"not tried  {name}: {reason}")
        except (CaseFailedError, httpx.HTTPError) as error:
            failed += 1
            click.echo(f"FAILED     {name}: {error}")
        else:
            click.echo(f"ok         {name} ({time.monotonic() - started:.0f} s)")
    return not failed


def local_cloud() -> tuple[str, str, str]:
    """Take the credentials of the cloud that `make up` left running; return its stack, endpoint and mailbox.

    Raises:
        click.UsageError: when none runs.
    """
    try:
        found = json.loads(Path(".local", "stack.json").read_text("utf-8"))
    except FileNotFoundError:
        raise click.UsageError("No local cloud runs: make up") from None
    os.environ |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "test")
    os.environ["AWS_REGION"] = found["region"]
    return found["stack_name"], found["endpoint_url"], found["mailbox_url"]


@click.command(help=__doc__)
@click.option(
    "--stage", "name", metavar="NAME", help="As in samconfig.toml; local: what make up left running."
)
@click.option("--stack", envvar="LATCHKEY_STACK", metavar="NAME", help="A stack, in place of a stage.")
@click.option("--inbox", metavar="ADDRESS", help="Where mails go; you paste the links in them.")
@click.option(
    "--mailbox-url", metavar="URL", help="A mailbox like the local cloud's, to read the mails from."
)
def main(name: str | None, stack: str | None, inbox: str | None, mailbox_url: str | None) -> None:
    endpoint_url = None
    if name == LOCAL:
        name, stack, endpoint_url, mailbox_url = None, *local_cloud()
    planned = read_stage(Path.cwd(), name) if name else None
    session = options.open_session(None, planned.region if planned else None, endpoint_url)
    stack = planned.stack if planned else stack
    found = find_stack(session.client("cloudformation"), stack) if stack else None
    if found is None:
        raise click.UsageError(f"There is no stack {stack or ''} to try: --stage or --stack.")
    outputs = session.client("cloudformation").describe_stacks(StackName=found.name)["Stacks"][0]["Outputs"]
    api = next(each["OutputValue"] for each in outputs if each["OutputKey"] == "ApiUrl")
    address = inbox or (f"smoke-{secrets.token_hex(6)}@example.com" if mailbox_url else _NO_ONE)
    mails = Mails(address, mailbox_url or "", pasted=bool(inbox))
    if not run(Stage(session, found, api, found.parameters["PublicBaseUrl"] or api, mails)):
        sys.exit(1)


if __name__ == "__main__":
    main()
