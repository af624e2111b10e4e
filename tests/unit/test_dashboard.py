"""The dashboard names only metrics and log fields that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.asl import read_template

ROOT = Path(__file__).parents[2]
TEMPLATE: Any = read_template(ROOT / "template.yaml")
RESOURCES = TEMPLATE["Resources"]
STACK = "AWS::StackName"

#: What AWS counts, by namespace, name and dimensions, and where it says so.
OF_AWS = {
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    ("AWS/ApiGateway", "Count", "ApiName", "Stage"),
    ("AWS/ApiGateway", "4XXError", "ApiName", "Stage"),
    ("AWS/ApiGateway", "5XXError", "ApiName", "Stage"),
    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
    ("AWS/States", "ExecutionsFailed", "StateMachineArn"),
    ("AWS/States", "ExecutionThrottled", "StateMachineArn"),
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    ("AWS/Lambda", "Throttles"),
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    ("AWS/DynamoDB", "WriteThrottleEvents", "TableName"),
}


def widgets() -> list[dict[str, Any]]:
    """Return the dashboard's widgets; what the deployment fills in stands there by its name."""
    text, names = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, value in names.items():
        # Of what a condition decides, the last word: the outcome where no condition holds.
        words = [value] if isinstance(value, str) else re.findall(r'"(\w+)"', json.dumps(value))
        text = text.replace(f"${{{name}}}", words[-1] if words else name)
    found: list[dict[str, Any]] = json.loads(re.sub(r"\$\{([\w:]+)\}", r"\1", text))["widgets"]
    return found


def services() -> dict[str, str]:
    """Return the dimension `service` of what each handler's module counts."""
    default = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
    return {
        each["Properties"]["Handler"].removesuffix(".handler"): each["Properties"]
        .get("Environment", {})
        .get("Variables", {})
        .get("POWERTOOLS_SERVICE_NAME", default)
        for each in RESOURCES.values()
        if each["Type"] == "AWS::Serverless::Function"
    }


def counted() -> Iterator[tuple[str, str]]:
    """Yield name and service of each metric that the product counts."""
    for module, service in services().items():
        source = (ROOT / "functions" / f"{module.replace('.', '/')}.py").read_text("utf-8")
        for call in re.findall(r"(?:publish|count|measure)\(([^,)]*)", source):
            yield from ((name, service) for name in re.findall(r'"(\w+)"', call))
    for definition in (ROOT / "statemachines").glob("*.asl.json"):
        for name in re.findall(r'"MetricName": "(\w+)"', definition.read_text("utf-8")):
            yield name, definition.name.partition(".")[0]


def test_each_metric_is_one_that_the_product_or_aws_counts() -> None:
    metrics = [
        [part for part in metric if isinstance(part, str)]
        for widget in widgets()
        if widget["type"] == "metric"
        for metric in widget["properties"]["metrics"]
    ]
    own = {
        (name, service) for namespace, name, *rest in metrics if namespace == STACK for _, service in [rest]
    }
    assert own <= set(counted())
    assert {("Requested", "reset"), ("Claimed", "reset"), ("Reminded", "reminders")} <= own
    others = {(namespace, name, *rest[::2]) for namespace, name, *rest in metrics if namespace != STACK}
    assert others == OF_AWS


def test_each_query_reads_metrics_that_the_log_has() -> None:
    queries = [each["properties"]["query"] for each in widgets() if each["type"] == "log"]
    names = {name for query in queries for name in re.findall(r"`(\w+)\.0`", query)}
    assert names == {"Requested", "Asked", "Completed", "Claimed"}
    assert names <= {name for name, _ in counted()}
    assert all(query.startswith("SOURCE 'FunctionLogs' | ") and "${" not in query for query in queries)


def test_widgets_lie_beside_each_other() -> None:
    taken = [
        (x, y)
        for each in widgets()
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
