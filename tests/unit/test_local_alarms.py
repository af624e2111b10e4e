"""What the local cloud makes of metrics, alarms and notifications."""

import json
from typing import Any

import pytest

from local.emulator.patches.api_logs import context_of, line_of
from local.emulator.patches.base import module
from local.emulator.patches.metrics import embedded_metrics, state_of
from local.emulator.patches.notifications import mails_to

EMBEDDED = {
    "_aws": {
        "Timestamp": 1,
        "CloudWatchMetrics": [
            {
                "Namespace": "latchkey-test",
                "Dimensions": [["service"]],
                "Metrics": [{"Name": "Orphaned", "Unit": "Count"}],
            }
        ],
    },
    "service": "cleanup",
    "Orphaned": [1.0],
    "execution": "an-execution",
}
ALARM = {
    "AlarmName": "OrphansFound",
    "Namespace": "latchkey-test",
    "MetricName": "Orphaned",
    "Dimensions": [{"Name": "service", "Value": "cleanup"}],
    "Statistic": "Sum",
    "Period": 300,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}


def test_a_log_line_in_the_embedded_format_is_a_metric() -> None:
    text = f"START\n{json.dumps(EMBEDDED)}\nEND"
    assert list(embedded_metrics(text)) == [
        ("latchkey-test", "Orphaned", 1.0, "Count", {"service": "cleanup"})
    ]


def test_other_log_lines_are_none() -> None:
    assert list(embedded_metrics('START\n{"message": "Done."}\n"_aws": {cut')) == []


@pytest.fixture
def cloudwatch() -> Any:  # noqa: ANN401  # MiniStack carries no types
    found = module("services.cloudwatch")
    found._metrics.clear()  # noqa: SLF001  # there is no public way in
    yield found
    found._metrics.clear()  # noqa: SLF001


@pytest.mark.parametrize(
    ("service", "value", "state"), [("cleanup", 1, "ALARM"), ("cleanup", 0, "OK"), ("reset", 1, None)]
)
def test_an_alarm_watches_the_metric_with_its_dimensions(
    cloudwatch: Any,  # noqa: ANN401
    service: str,
    value: float,
    state: str | None,
) -> None:
    cloudwatch.record_metric("latchkey-test", "Orphaned", value, "Count", {"service": service})
    (points,) = cloudwatch._metrics.values()  # noqa: SLF001
    now = points[0]["Timestamp"]
    assert state_of(cloudwatch, ALARM, now) == state
    assert state_of(cloudwatch, ALARM, now + 301) is None


def test_addresses_that_subscribed_get_a_mail_each() -> None:
    subscriptions = [
        {"protocol": "email", "endpoint": "ops@example.com"},
        {"protocol": "sqs", "endpoint": "arn:aws:sqs:us-east-1:000000000000:queue"},
    ]
    (mail,) = mails_to(subscriptions, "A subject", "A message", 0)
    assert (mail.via, mail.to, mail.subject, mail.text) == (
        "sns",
        ("ops@example.com",),
        "A subject",
        "A message",
    )


def test_a_request_is_logged_in_the_form_the_stage_was_given() -> None:
    context = context_of("POST", "/generate", 202, 0.0, 0.25)
    form = '{"path":"$context.resourcePath","status":"$context.status","error":"$context.error.responseType"}'
    assert json.loads(line_of(form, context)) == {"path": "/generate", "status": "202", "error": "-"}
    assert (context["responseLatency"], context["requestTime"]) == ("250", "01/Jan/1970:00:00:00 +0000")
