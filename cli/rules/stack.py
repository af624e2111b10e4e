"""The stack: whether it can be deployed, and whether what is deployed does its work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from cli.findings import Kind
from cli.rules.directory import DIRECTORY_REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.findings import Finding

#: State machines are named {stack}-reminders, and Step Functions takes 80 characters
#: (https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html).
LONGEST_NAME = 80 - len("-reminders")

#: A stack that CloudFormation only deletes from here on
#: (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html).
_ONLY_DELETED = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "CREATE_FAILED"})

#: How much later than RotationDays a rotation may be: the template's SmtpSecretOldAlarm waits as long.
_LATE = timedelta(days=2)

#: How the reminders' cause begins what it says of the directory (functions/reminders/report.py).
_DIRECTORY = "directory: "

_kind = partial(Kind, section="the-stack")

STACK_NAME_TOO_LONG = _kind(
    "StackNameTooLong", remedy=f"Take a name of at most {LONGEST_NAME} characters in samconfig.toml."
)
PARAMETER_MISSING = _kind(
    "ParameterMissing", remedy="Add it to the stage's parameter_overrides in samconfig.toml."
)
PARAMETER_UNKNOWN = _kind(
    "ParameterUnknown", remedy="Mend its name in samconfig.toml; README.md lists the parameters."
)
STACK_STUCK = _kind(
    "StackStuck", remedy="Read its events in the CloudFormation console, mend the cause, and go on."
)
TWO_STACKS = _kind(
    "TwoStacks",
    remedy="Keep one stack that resets real users; IAM users belong to the account, not to a stage.",
)
ADMIN_ADDRESS_MISSING = _kind("AdminAddressMissing", remedy="Deploy with AdminAddress=….")
SUBSCRIPTION_MISSING = _kind(
    "SubscriptionMissing",
    remedy="Confirm the subscription that SNS mailed; if the mail is days old, subscribe to the topic again.",
)
ALARMS_SILENCED = _kind("AlarmsSilenced", remedy="aws cloudwatch enable-alarm-actions --alarm-names …")
ALARMS_RINGING = _kind("AlarmsRinging", remedy="docs/operations.md has a section for each alarm.")
KEY_UNUSABLE = _kind(
    "KeyUnusable", remedy="aws kms cancel-key-deletion --key-id …, then: aws kms enable-key --key-id …"
)
SMTP_SECRET_GONE = _kind("SmtpSecretGone", remedy="aws secretsmanager restore-secret --secret-id …")
SMTP_CREDENTIALS_OVERDUE = _kind(
    "SmtpCredentialsOverdue", remedy="Find out why rotations fail or do not start, then rotate."
)
SCHEDULE_DISABLED = _kind("ScheduleDisabled", remedy="Enable it: EventBridge console, Scheduler, Schedules.")
LAST_RUN_FAILED = _kind("LastRunFailed", remedy="docs/operations.md says what each error means.")
RESETS_THROTTLED = _kind(
    "ResetsThrottled",
    remedy="Turn on higher throughput: Systems Manager console, Parameter Store, Settings (it has a price).",
)
RESETS_FAILED = _kind("ResetsFailed", remedy="docs/operations.md says what each error means.")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to be deployed, or is: its name, and parameters that are missing or unknown."""

    name: str
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StackState:
    """The stack's status in CloudFormation, and the other Latchkey stacks of the account and region."""

    name: str
    status: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alarms:
    """The stack's alarms.

    Attributes:
        admin_address: the address that gets them; empty for none.
        confirmed: whether the topic has a confirmed subscription; None before the first deployment.
        silenced: alarms whose actions are disabled.
        ringing: alarms in ALARM.
    """

    admin_address: str
    confirmed: bool | None = None
    silenced: tuple[str, ...] = ()
    ringing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """The SMTP credentials: since when they are current, None where their secret is gone or being deleted."""

    changed_at: datetime | None
    rotation_days: int
    now: datetime


@dataclass(frozen=True, slots=True)
class FailedRun:
    """The last execution of a state machine, where it failed; `cause` may have several lines."""

    machine: str
    execution: str
    error: str
    cause: str


@dataclass(frozen=True, slots=True)
class Runs:
    """What failed lately: the last run of each machine, and the resets of the last day, by error."""

    failed: tuple[FailedRun, ...] = ()
    failed_resets: tuple[str, ...] = ()


def check_plan(plan: Plan) -> Iterator[Finding]:
    """Find what CloudFormation or Step Functions would refuse."""
    if len(plan.name) > LONGEST_NAME:
        yield STACK_NAME_TOO_LONG.found(
            f"{plan.name} has {len(plan.name)} characters: its state machines cannot be named after it."
        )
    for name in plan.missing:
        yield PARAMETER_MISSING.found(f"{name} has no value, and no default.")
    for name in plan.unknown:
        yield PARAMETER_UNKNOWN.found(f"The template has no parameter {name}.")


def check_state(state: StackState) -> Iterator[Finding]:
    """Find whether the stack can be updated, and whether it is alone."""
    if state.status in _ONLY_DELETED:
        yield STACK_STUCK.found(
            f"{state.name} is in {state.status}: it has to be deleted before it is deployed."
        )
    elif state.status.endswith("_FAILED"):
        yield STACK_STUCK.found(f"{state.name} is in {state.status}: an update stopped half-way.")
    if state.others:
        yield TWO_STACKS.found(f"{', '.join(state.others)} resets the same IAM users as {state.name}.")


def check_alarms(alarms: Alarms) -> Iterator[Finding]:
    """Find alarms that reach no one, or that are in ALARM."""
    if not alarms.admin_address and not alarms.confirmed:
        yield ADMIN_ADDRESS_MISSING.found("AdminAddress is empty: alarms and reports reach no one.")
    elif alarms.confirmed is False:
        yield SUBSCRIPTION_MISSING.found(
            f"{alarms.admin_address} has not confirmed that it wants the alarms."
        )
    if alarms.silenced:
        yield ALARMS_SILENCED.found(f"The actions of {', '.join(alarms.silenced)} are disabled.")
    if alarms.ringing:
        yield ALARMS_RINGING.found(f"In alarm: {', '.join(alarms.ringing)}.")


def check_key(state: str) -> Iterator[Finding]:
    """Find whether the key that seals passwords can be used; `state` is KMS's, as in `PendingDeletion`."""
    if state != "Enabled":
        yield KEY_UNUSABLE.found(f"The key that seals passwords is in the state {state}: every reset fails.")


def check_credentials(credentials: Credentials) -> Iterator[Finding]:
    """Find SMTP credentials that are gone, or older than they should be."""
    if credentials.changed_at is None:
        yield SMTP_SECRET_GONE.found("The secret with the SMTP credentials is deleted: no reminder is sent.")
        return
    age = credentials.now - credentials.changed_at
    if age > timedelta(days=credentials.rotation_days) + _LATE:
        yield SMTP_CREDENTIALS_OVERDUE.found(
            f"The SMTP credentials are {age.days} days old; RotationDays is {credentials.rotation_days}."
        )


def check_schedules(disabled: tuple[str, ...]) -> Iterator[Finding]:
    """Find schedules that start nothing."""
    if disabled:
        yield SCHEDULE_DISABLED.found(f"Disabled: {', '.join(disabled)}.")


def check_runs(runs: Runs) -> Iterator[Finding]:
    """Find what failed and was not made good by a later run."""
    for run in runs.failed:
        # The reminders' cause joins what went wrong by semicolons (statemachines/reminders.asl.json).
        refusals = [line for line in run.cause.split("; ") if line.startswith(_DIRECTORY)]
        for line in refusals:
            yield DIRECTORY_REFUSED.found(
                f"The directory refused the last run of the reminders: {line.removeprefix(_DIRECTORY)}"
            )
        if not refusals:
            what = f"{run.error}: {run.cause.partition('\n')[0]}".removesuffix(": ")
            yield LAST_RUN_FAILED.found(f"The last {run.machine} failed ({run.execution}). {what}")
    throttled = runs.failed_resets.count("ThrottledError")
    if throttled:
        yield RESETS_THROTTLED.found(f"Resets that failed in the last day by throttling: {throttled}.")
    others = sorted(set(runs.failed_resets) - {"ThrottledError"})
    if others:
        count = len(runs.failed_resets) - throttled
        yield RESETS_FAILED.found(f"Resets that failed in the last day: {count}, by {', '.join(others)}.")
