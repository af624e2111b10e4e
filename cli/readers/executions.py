"""Executions of the stack's state machines; no input or output of a state is ever asked for."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cli.readers import registry
from latchkey.domain.claims import user_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boto3 import Session
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef, HistoryEventTypeDef

    from cli.scope import Stack

#: The most that ListExecutions gives at once: 5 calls a second are granted.
_PAGE = 1000
#: How many resets are described to find a user by a spelling that nothing is named after.
_LOOKED_AT = 50
_ENDED_BADLY: tuple[ExecutionStatusType, ...] = ("FAILED", "TIMED_OUT", "ABORTED")
#: A rotation waits longest: OverlapHours and GraceHours are 6 days at most.
_LONGEST = timedelta(days=7)

MACHINES = ("reset", "cleanup", "rotation", "reminders")


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution, with what it is about: a user's name, or nothing."""

    arn: str
    machine: str
    status: str
    started: datetime
    stopped: datetime | None = None
    user: str = ""
    error: str = ""
    cause: str = ""
    output: Any = None

    @property
    def failure(self) -> str:
        """Why it failed: its error and cause, where the cause does not name the error; else empty."""
        return self.cause if self.error in self.cause else f"{self.error}: {self.cause}".removesuffix(": ")

    @property
    def name(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition(":")[2]

    @property
    def heading(self) -> str:
        """What it is about, its status, and when it started."""
        user = f" of {self.user}" if self.user else ""
        return f"{self.machine}{user}: {self.status}, {self.started:%Y-%m-%d %H:%M:%S} UTC"


def machine_arn(stack: Stack, machine: str) -> str:
    """Return a state machine's ARN; empty where the stack has none of that name."""
    return stack.find(f"{machine.capitalize()}StateMachine")


def running(sfn: SFNClient, stack: Stack) -> Iterator[Execution]:
    """Yield what is under way, the longest first."""
    found = [execution for arn in _machine_arns(stack) for execution in _listed(sfn, arn, "RUNNING")]
    for each in sorted(found, key=lambda execution: execution["startDate"]):
        yield describe(sfn, each["executionArn"])


def failed(sfn: SFNClient, stack: Stack, since: datetime) -> Iterator[Execution]:
    """Yield what failed, timed out or was stopped since then, the last first."""
    found = [
        execution
        for arn in _machine_arns(stack)
        for status in _ENDED_BADLY
        # The newest first: what ended lately began within the longest wait before.
        for execution in itertools.takewhile(
            lambda each: each["startDate"] > since - _LONGEST, _listed(sfn, arn, status)
        )
        if execution["stopDate"] > since
    ]
    for each in sorted(found, key=lambda execution: execution["stopDate"], reverse=True):
        yield describe(sfn, each["executionArn"])


def find(session: Session, stack: Stack, what: str) -> Execution | None:
    """Return the execution of that ARN or name, or the last reset of the user of that name."""
    sfn = session.client("stepfunctions")
    if what.startswith("arn:"):
        return _described(sfn, what)
    for machine in MACHINES:
        if found := named(sfn, stack, machine, what):
            return found
    return last_of(session, stack, what)


def named(sfn: SFNClient, stack: Stack, machine: str, name: str) -> Execution | None:
    """Return a state machine's execution by its name; None where there is none."""
    arn = machine_arn(stack, machine)
    return _described(sfn, f"{arn.replace(':stateMachine:', ':execution:')}:{name}") if arn else None


def last_of(
    session: Session, stack: Stack, user: str, status: ExecutionStatusType | None = None
) -> Execution | None:
    """Return the user's last reset, of a status if one is given, in whichever spelling the user was named.

    The API and `latchkey ask` name an execution after the user's key in the spelling that was typed. The
    registry has the last one that had the account under the name that IAM knows.
    """
    sfn, arn = session.client("stepfunctions"), machine_arn(stack, "reset")
    name = registry.name_in_iam(session, user)
    prefixes = tuple(f"{user_key(each)}-" for each in (user, name))
    listed = (each["executionArn"] for each in _listed(sfn, arn, status) if each["name"].startswith(prefixes))
    # A revocation is named after the reset whose claim it revokes.
    noted = registry.current_reset(session, stack, name).get("execution", {}).get("S", "").rpartition("/")[2]
    newest = next(listed, "")
    candidates = (newest and _described(sfn, newest), noted and named(sfn, stack, "reset", noted))
    found = [each for each in candidates if each and status in {None, each.status}]
    if found:
        return max(found, key=lambda each: each.started)
    # In another spelling than the request's, and than IAM's: what the newest ones were asked for.
    latest = (
        describe(sfn, each["executionArn"])
        for each in itertools.islice(_listed(sfn, arn, status), _LOOKED_AT)
    )
    return next((each for each in latest if each.user.casefold() == user.casefold()), None)


def describe(sfn: SFNClient, arn: str) -> Execution:
    """Return an execution by its ARN."""
    found = sfn.describe_execution(executionArn=arn)
    given, output = _json(found.get("input", "")), _json(found.get("output", ""))
    return Execution(
        arn=found["executionArn"],
        machine=arn.split(":")[-2].rpartition("-")[2],
        status=found["status"],
        started=found["startDate"],
        stopped=found.get("stopDate"),
        user=str(given.get("user", "")) if isinstance(given, dict) else "",
        error=found.get("error", ""),
        cause=found.get("cause", ""),
        output=output,
    )


def history(sfn: SFNClient, arn: str) -> list[HistoryEventTypeDef]:
    """Return an execution's history without any data of its states."""
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=False)
    return [event for page in pages for event in page["events"]]


def _machine_arns(stack: Stack) -> list[str]:
    return [arn for machine in MACHINES if (arn := machine_arn(stack, machine))]


def _listed(
    sfn: SFNClient, arn: str, status: ExecutionStatusType | None
) -> Iterator[ExecutionListItemTypeDef]:
    paginator = sfn.get_paginator("list_executions")
    if status is None:
        pages = paginator.paginate(
            stateMachineArn=arn, PaginationConfig={"MaxItems": _PAGE, "PageSize": _PAGE}
        )
    else:
        pages = paginator.paginate(
            stateMachineArn=arn, statusFilter=status, PaginationConfig={"PageSize": _PAGE}
        )
    for page in pages:
        yield from page["executions"]


def _described(sfn: SFNClient, arn: str) -> Execution | None:
    try:
        return describe(sfn, arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ExecutionDoesNotExist", "InvalidArn"}:
            return None
        raise


def _json(text: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    try:
        return json.loads(text)
    except ValueError:
        return None
