"""The reminders as operators and their receivers see them, for the demo and the tests."""

from __future__ import annotations

import csv
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

    from local.driver.product import Product, Run


@dataclass(frozen=True)
class Reminders:
    """The reminders of a deployed product, from outside."""

    product: Product

    @property
    def machine_arn(self) -> str:
        """The state machine."""
        return self.product.stack.outputs["RemindersStateMachineArn"]

    def start(self, **given: str) -> str:
        """Start a run with an input, and return its execution's ARN."""
        started = self.product.client("stepfunctions").start_execution(
            stateMachineArn=self.machine_arn, input=json.dumps(given)
        )
        return str(started["executionArn"])

    def run(self, **given: str) -> Run:
        """Run once, and return the execution once it is over."""
        return self.product.wait_for_end(self.start(**given), seconds=300)

    def mails(self) -> list[dict[str, Any]]:
        """Return every reminder that was mailed, oldest first: nothing else goes by SMTP."""
        return [mail for mail in self.product.mails() if mail["via"] == "smtp"]

    @property
    def bucket(self) -> str:
        """The bucket with the lists."""
        return self.product.physical_id("ReminderRunsBucket")

    @property
    def table(self) -> str:
        """The table that remembers what was sent."""
        return self.product.physical_id("IdempotencyTable")

    def report_text(self, run: Run) -> str:
        """Return a run's report as it is stored."""
        key = f"runs/{run.description['name']}/report.csv"
        return str(self.product.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read().decode())

    def report(self, run: Run) -> dict[str, dict[str, str]]:
        """Return the rows of a run's report, by user."""
        return {row["user"]: row for row in csv.DictReader(self.report_text(run).splitlines())}

    def forget(self) -> None:
        """Forget which reminders were sent."""
        dynamodb = self.product.client("dynamodb")
        for item in dynamodb.scan(TableName=self.table)["Items"]:
            dynamodb.delete_item(TableName=self.table, Key={"id": item["id"]})

    def end_what_is_in_progress(self) -> None:
        """End the claims that a crashed sender left."""
        dynamodb = self.product.client("dynamodb")
        for item in dynamodb.scan(TableName=self.table)["Items"]:
            if "claimed_until" in item:
                dynamodb.update_item(
                    TableName=self.table,
                    Key={"id": item["id"]},
                    UpdateExpression="SET claimed_until = :past",
                    ExpressionAttributeValues={":past": {"N": "1"}},
                )

    @contextmanager
    def variables(self, function: str, **changed: str) -> Generator[None]:
        """Change environment variables of a function meanwhile."""
        functions = self.product.client("lambda")
        name = self.product.physical_id(f"{function}Function")
        known = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**known, **changed}}
        )
        try:
            yield
        finally:
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": known})
