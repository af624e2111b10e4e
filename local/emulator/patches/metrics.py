"""CloudWatch: the metrics that executions and log lines make, and the alarms that watch them.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/stepfunctions.py
    `_run_execution`
https://github.com/ministackorg/ministack/blob/main/ministack/services/lambda_svc.py
    `_emit_lambda_logs`
https://github.com/ministackorg/ministack/blob/main/ministack/services/cloudwatch.py
    `record_metric`, `_evaluate_alarm`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from local.emulator.patches.base import Untyped, module, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What Step Functions counts of an execution that ended so
#: (https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html).
_EXECUTIONS = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
    "TIMED_OUT": "ExecutionsTimedOut",
}


def apply() -> None:
    """Apply the patches of this module. Raises PatchError."""
    cloudwatch = module(
        "services.cloudwatch",
        *("_alarms", "_calc_stats", "_dims_key", "_dispatch_alarm_actions", "_metrics", "_record_history"),
        "_stat_value",
    )
    _count_executions(cloudwatch)
    _read_log_lines(cloudwatch)
    _watch(cloudwatch)


def _count_executions(cloudwatch: Untyped) -> None:
    """AWS: Step Functions counts how executions end. MiniStack does not."""
    sfn = module("services.stepfunctions", "_executions")

    def wrap(original: Untyped) -> Untyped:
        def run(arn: str) -> None:
            original(arn)
            execution = sfn._executions.get(arn) or {}
            name = _EXECUTIONS.get(str(execution.get("status")))
            if name:
                machine = {"StateMachineArn": execution["stateMachineArn"]}
                cloudwatch.record_metric("AWS/States", name, 1, "Count", machine)

        return run

    replace(sfn, "_run_execution", wrap)


def _read_log_lines(cloudwatch: Untyped) -> None:
    """AWS: log lines in the embedded metric format become metrics. MiniStack keeps them as text."""

    def wrap(original: Untyped) -> Untyped:
        def emit(function: Untyped, request: str, text: str, *more: Untyped, **named: Untyped) -> None:
            original(function, request, text, *more, **named)
            for metric in embedded_metrics(text):
                cloudwatch.record_metric(*metric)

        return emit

    replace(module("services.lambda_svc"), "_emit_lambda_logs", wrap)


def embedded_metrics(text: str) -> Iterator[tuple[str, str, float, str, dict[str, str]]]:
    """Yield namespace, name, value, unit and dimensions of each metric in a function's log.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    for line in text.splitlines():
        if '"_aws"' not in line:
            continue
        try:
            found = json.loads(line[line.index("{") :])
        except ValueError:
            continue
        for directive in found["_aws"]["CloudWatchMetrics"]:
            for metric in directive["Metrics"]:
                value = found[metric["Name"]]
                for names in directive["Dimensions"]:
                    dimensions = {name: str(found[name]) for name in names}
                    for number in value if isinstance(value, list) else [value]:
                        yield (
                            directive["Namespace"],
                            metric["Name"],
                            number,
                            metric.get("Unit", "None"),
                            dimensions,
                        )


def _watch(cloudwatch: Untyped) -> None:
    """AWS: an alarm watches the one metric that has its dimensions, from any source.

    MiniStack's looks at metrics of all dimensions, and only after PutMetricData.
    """

    def record(original: Untyped) -> Untyped:
        def count(*metric: Untyped) -> None:
            original(*metric)
            cloudwatch._evaluate_all_alarms()

        return count

    def evaluate(_: Untyped) -> Untyped:
        def look_at(alarm: dict[str, Any]) -> None:
            state = state_of(cloudwatch, alarm, time.time())
            if state is None or state == alarm["StateValue"]:
                return
            before, reason = alarm["StateValue"], f"{alarm['MetricName']} against {alarm['Threshold']}"
            alarm |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
            cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
            cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)

        return look_at

    replace(cloudwatch, "record_metric", record)
    replace(cloudwatch, "_evaluate_alarm", evaluate)


def state_of(cloudwatch: Untyped, alarm: dict[str, Any], now: float) -> str | None:
    """Return the state of an alarm on one metric; None where the metric has no recent value."""
    dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or ()}
    key = (alarm.get("Namespace"), alarm.get("MetricName"), cloudwatch._dims_key(dimensions))
    since = now - alarm.get("Period", 60) * alarm.get("EvaluationPeriods", 1)
    recent = [point for point in cloudwatch._metrics.get(key) or () if point["Timestamp"] >= since]
    if not recent:
        return None
    value = cloudwatch._stat_value(cloudwatch._calc_stats(recent), alarm["Statistic"], recent)
    above = alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    breaches = value >= alarm["Threshold"] if above else value > alarm["Threshold"]
    return "ALARM" if breaches else "OK"
