"""Step Functions: starts, supersedes and stops executions, and lists what runs."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import boto3

from latchkey.adapters.aws import CLIENT_CONFIG, TASK_OVER, translate_errors
from latchkey.domain.executions import Execution
from latchkey.errors import ClaimGoneError

_sfn = boto3.client("stepfunctions", config=CLIENT_CONFIG)


def start_reset(user: str, name: str, window: str, **more: object) -> None:
    """Start the reset execution of that name, unless it was started before.

    When a start is repeated with the same name and input, Step Functions answers as to the first, or says
    that the execution is over.

    Args:
        user: whose account.
        name: the execution's name.
        window: the key of the window of requests that let it through.
        more: what else its input says: with `confirm` it changes nothing before the user says yes; with an
            `address` it goes on only for the account that is known by that mail address; with `unlock` it
            unlocks the account, and changes nothing else.
    """
    with translate_errors("start the reset"), suppress(_sfn.exceptions.ExecutionAlreadyExists):
        _sfn.start_execution(
            stateMachineArn=os.environ["RESET_STATE_MACHINE_ARN"],
            name=name,
            input=json.dumps({"user": user, "window": window, **more}),
        )


def running_executions(state_machine_arn: str) -> list[Execution]:
    """Return the running executions of a state machine; one that started a moment ago may be missing."""
    pages = _sfn.get_paginator("list_executions").paginate(
        stateMachineArn=state_machine_arn, statusFilter="RUNNING"
    )
    with translate_errors("list the running executions"):
        found = [execution for page in pages for execution in page["executions"]]
    return [Execution(each["startDate"], each["executionArn"]) for each in found]


def user_of_claim(name: str) -> str:
    """Return the user who was shown the password of that reset, from its output; empty for none."""
    output = json.loads(_describe_reset(name).get("output", "{}"))
    return str(output["user"]) if "claimed_at" in output else ""


def status_of_reset(name: str) -> str:
    """Return the status of the reset execution of that name, as Step Functions spells it; empty for none."""
    return str(_describe_reset(name).get("status", ""))


def stop_reset(name: str, cause: str) -> None:
    """Stop the reset execution of that name."""
    with translate_errors("stop the reset"):
        _sfn.stop_execution(executionArn=_reset_arn(name), error="OrphanedError", cause=cause)


def _reset_arn(name: str) -> str:
    machine = os.environ["RESET_STATE_MACHINE_ARN"].replace(":stateMachine:", ":execution:")
    return f"{machine}:{name}"


def _describe_reset(name: str) -> Mapping[str, Any]:
    """Return what Step Functions says of the reset execution of that name; empty where there is none."""
    with translate_errors("look at the reset"):
        try:
            return _sfn.describe_execution(executionArn=_reset_arn(name))
        except _sfn.exceptions.ExecutionDoesNotExist:
            return {}


def supersede(task_token: str) -> None:
    """End a waiting execution because a newer reset of the same user took over; one that is over stays so."""
    with suppress(ClaimGoneError), translate_errors("end the superseded reset", TASK_OVER):
        _sfn.send_task_failure(
            taskToken=task_token,
            error="SupersededError",
            cause="A newer reset of the same user took over.",
        )
