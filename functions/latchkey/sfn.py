"""Step Functions: starts a reset, and tells a waiting one that its link was claimed."""

import json
import os
from contextlib import suppress
from datetime import datetime

import boto3

from latchkey.aws import CLIENT_CONFIG, translated
from latchkey.errors import ClaimGoneError

_sfn = boto3.client("stepfunctions", config=CLIENT_CONFIG)

_OVER = dict.fromkeys(("TaskTimedOut", "TaskDoesNotExist", "InvalidToken"), ClaimGoneError)


def start_reset(user: str, name: str, request: str) -> bool:
    """Start the reset execution of that name, and tell whether it is a new one.

    The request's id makes every input different: Step Functions answers a repeated start of the same
    name with the same input as if it were the first.
    """
    with translated("start the reset"):
        try:
            _sfn.start_execution(
                stateMachineArn=os.environ["RESET_STATE_MACHINE_ARN"],
                name=name,
                input=json.dumps({"user": user, "request": request}),
            )
        except _sfn.exceptions.ExecutionAlreadyExists:
            return False
    return True


def complete_claim(task_token: str, claimed_at: datetime, claimed_from: str) -> None:
    """Tell the waiting execution that its link was claimed.

    Raises:
        ClaimGoneError: when the execution no longer waits: claimed, expired, stopped or superseded.
    """
    output = {"claimed_at": claimed_at.isoformat(timespec="seconds"), "claimed_from": claimed_from}
    with translated("complete the claim", _OVER):
        _sfn.send_task_success(taskToken=task_token, output=json.dumps(output))


def supersede(task_token: str) -> None:
    """End a waiting execution because a newer reset of the same user took over; one that is over stays so."""
    with suppress(ClaimGoneError), translated("end the superseded reset", _OVER):
        _sfn.send_task_failure(
            taskToken=task_token,
            error="SupersededError",
            cause="A newer reset of the same user took over.",
        )
