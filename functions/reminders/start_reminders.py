"""StartReminders: gives the day's run its name, the date, so that two triggers make one run."""

import os
from datetime import datetime
from typing import TypedDict

from latchkey import sfn
from latchkey.entry import logger, task
from latchkey.reminders import time_zone


class Event(TypedDict):
    scheduled_at: str


class _Entered(Event):
    execution: str


def handler(event: Event, context: object) -> str:
    # What EventBridge Scheduler sends names no execution: the date becomes its name.
    moment = datetime.fromisoformat(event["scheduled_at"])
    day = moment.astimezone(time_zone(os.environ["REMINDER_TIME_ZONE"])).date().isoformat()
    return start_reminders({"execution": day, "scheduled_at": event["scheduled_at"]}, context)


@task
def start_reminders(event: _Entered, _context: object) -> str:
    """Start the run of a day, once, and return its name."""
    if not sfn.start_reminders(event["execution"], event["scheduled_at"]):
        logger.info("The run of this day was started before.")
    return event["execution"]
