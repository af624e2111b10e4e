"""One logger and one way to count, for every function."""

import os

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

logger = Logger()


def stack_name() -> str:
    """Return the stack's name, which is its metrics' namespace."""
    return os.environ["POWERTOOLS_METRICS_NAMESPACE"]


def count(event: str, number: int = 1) -> None:
    """Add to a metric; what resets count, docs/events.md lists."""
    measure(event, MetricUnit.Count, number)


def measure(name: str, unit: MetricUnit, value: float) -> None:
    """Put a value into a metric, with the execution beside it in the log."""
    with single_metric(name=name, unit=unit, value=value) as metric:
        metric.add_metadata(key="execution", value=logger.get_current_keys().get("execution"))
