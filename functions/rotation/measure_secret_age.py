"""MeasureSecretAge: tells daily whether the current credentials are older than they should be."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from latchkey.adapters import smtp_secret
from latchkey.handler import task_handler
from latchkey.observability import measure

_DAY = timedelta(days=1)


@task_handler
def handler(_event: dict[str, Any], _context: object) -> None:
    # In days, because an alarm cannot add a margin to the template's days.
    measure("SmtpSecretOverdue", MetricUnit.NoUnit, overdue(datetime.now(UTC)))


def overdue(now: datetime) -> float:
    """Return for how many days the credentials should have been rotated; negative while there is time."""
    return (now - smtp_secret.due_at(int(os.environ["ROTATION_DAYS"]))) / _DAY
