"""Looks for secrets wherever the product could have left them, in any encoding."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

from local.driver.product import Product
from local.driver.reminders import Reminders

#: Base64 of a text depends on how many bytes stand before it; the first and last characters depend on its
#: neighbours. So many characters at each end are not looked at.
_UNSURE = 4


def disguises(secret: str) -> set[str]:
    """Return the forms in which a secret may stand in a text: as is, quoted, escaped, in hex or base64."""
    forms = {secret, secret[::-1], quote(secret, safe=""), secret.encode().hex(), json.dumps(secret)[1:-1]}
    forms |= {json.dumps(form)[1:-1] for form in forms}
    for before in range(3):
        padded = base64.b64encode(b"\0" * before + secret.encode() + b"\0\0").decode()
        forms.add(padded[_UNSURE : -2 * _UNSURE])
    return forms


def leaks(secret: str, places: Iterator[tuple[str, str]]) -> list[str]:
    """Return the places whose text holds the secret in any form."""
    forms = disguises(secret)
    return [place for place, text in places if any(form in text for form in forms)]


_ALWAYS = datetime.fromtimestamp(0, UTC)


def everywhere(product: Product, since: datetime = _ALWAYS) -> Iterator[tuple[str, str]]:
    """Yield every text that others than the user can read, each with the name of its place.

    Executions that were over and lines that were logged before `since` are left out: a secret that was made
    later cannot be in them, and other tests leave hundreds.
    """
    # Where a moment is told in whole seconds, it seems to lie before one that it follows.
    since = since.replace(microsecond=0)
    yield from histories(product, since)
    yield from logs(product, since)
    yield from metrics(product)
    yield from parameters(product)
    yield from registry(product)
    yield from lists(product)
    yield from descriptions_of_secrets(product)
    for number, mail in enumerate(product.mails()):
        yield f"mail {number} to {mail['to'][0]}: {mail['subject']}", json.dumps(mail)
    yield "the call log", product.http.get(f"{product.stack.endpoint_url}/_latchkey/calls").text


def histories(product: Product, since: datetime) -> Iterator[tuple[str, str]]:
    sfn = product.client("stepfunctions")
    machines = sfn.list_state_machines()["stateMachines"]
    for machine in machines:
        pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=machine["stateMachineArn"])
        for execution in (execution for page in pages for execution in page["executions"]):
            if "stopDate" in execution and execution["stopDate"] < since:
                continue
            arn = execution["executionArn"]
            yield f"history of {execution['name']}", json.dumps(product.history(arn), default=str)
            described = sfn.describe_execution(executionArn=arn)
            yield f"description of {execution['name']}", json.dumps(described, default=str)


def logs(product: Product, since: datetime) -> Iterator[tuple[str, str]]:
    client, start = product.client("logs"), int(since.timestamp() * 1000)
    groups = client.get_paginator("describe_log_groups").paginate()
    for group in (group["logGroupName"] for page in groups for group in page["logGroups"]):
        pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start)
        for event in (event for page in pages for event in page["events"]):
            yield f"log {group}", event["message"]


def metrics(product: Product) -> Iterator[tuple[str, str]]:
    pages = product.client("cloudwatch").get_paginator("list_metrics").paginate()
    yield "metrics", json.dumps([metric for page in pages for metric in page["Metrics"]])


def parameters(product: Product) -> Iterator[tuple[str, str]]:
    ssm = product.client("ssm")
    described = ssm.get_paginator("describe_parameters").paginate()
    yield "descriptions of parameters", json.dumps([page["Parameters"] for page in described], default=str)
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path="/", Recursive=True, WithDecryption=True
    )
    for parameter in (parameter for page in pages for parameter in page["Parameters"]):
        yield f"parameter {parameter['Name']}", json.dumps(parameter, default=str)


def descriptions_of_secrets(product: Product) -> Iterator[tuple[str, str]]:
    client = product.client("secretsmanager")
    for page in client.get_paginator("list_secrets").paginate():
        yield "descriptions of secrets", json.dumps(page["SecretList"], default=str)


def registry(product: Product) -> Iterator[tuple[str, str]]:
    for page in product.client("dynamodb").get_paginator("scan").paginate(TableName=product.registry):
        for item in page["Items"]:
            yield f"the registry item {item['id']['S']}", json.dumps(item)


def lists(product: Product) -> Iterator[tuple[str, str]]:
    reminders = Reminders(product)
    s3, dynamodb = product.client("s3"), product.client("dynamodb")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=reminders.bucket)
    for key in (found["Key"] for page in pages for found in page.get("Contents", [])):
        body = s3.get_object(Bucket=reminders.bucket, Key=key)["Body"].read()
        yield f"list {key}", body.decode("utf-8", "replace")
    yield "the record of reminders", json.dumps(dynamodb.scan(TableName=reminders.table)["Items"])
