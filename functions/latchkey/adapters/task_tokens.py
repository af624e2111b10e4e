"""Step Functions: completes the tasks that wait for a person's answer, each token once."""

import json
from datetime import datetime

import boto3

from latchkey.adapters.aws import ONCE_CONFIG, TASK_OVER, translate_errors

_sfn = boto3.client("stepfunctions", config=ONCE_CONFIG)


def complete_claim(task_token: str, claimed_at: datetime, claimed_from: str) -> None:
    """Tell the waiting execution that its link was claimed.

    Raises:
        ClaimGoneError: when the execution no longer waits: claimed, expired, stopped or superseded.
    """
    output = {"claimed_at": claimed_at.isoformat(timespec="seconds"), "claimed_from": claimed_from}
    with translate_errors("complete the claim", TASK_OVER):
        _sfn.send_task_success(taskToken=task_token, output=json.dumps(output))


def confirm_request(task_token: str, confirmed_at: datetime, confirmed_from: str) -> None:
    """Tell the waiting execution that its user wants the reset.

    Raises:
        ClaimGoneError: when the execution no longer waits: answered, timed out or stopped.
    """
    output = {"confirmed_at": confirmed_at.isoformat(timespec="seconds"), "confirmed_from": confirmed_from}
    with translate_errors("confirm the request", TASK_OVER):
        _sfn.send_task_success(taskToken=task_token, output=json.dumps(output))


def decline_request(task_token: str) -> None:
    """Tell the waiting execution that its user never asked for the reset.

    Raises:
        ClaimGoneError: when the execution no longer waits: answered, timed out or stopped.
    """
    with translate_errors("decline the request", TASK_OVER):
        _sfn.send_task_failure(
            taskToken=task_token, error="DeclinedError", cause="The user did not ask for this reset."
        )
