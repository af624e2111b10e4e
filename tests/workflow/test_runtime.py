"""A function of the local cloud sees what Lambda shows it: its package, the runtime, nothing of ours."""

import importlib.util
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud import LocalCloud

RUNTIME = Path(__file__).parents[2] / "local" / "runtime.txt"
#: What the functions' package brings along, and what only our tools need.
NOT_IN_THE_RUNTIME = ("ldap3", "aws_lambda_powertools", "httpx")


class Functions:
    """Runs code as functions of a local cloud to which nothing is deployed."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._lambda = cloud.client("lambda")
        role = cloud.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")
        self._role = role["Role"]["Arn"]
        self._made = 0

    def run(self, code: str) -> dict[str, Any]:
        """Run a package of this code alone, and return what its handler returns, or its error."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("code.py", code)
        self._made += 1
        name = f"runs-{self._made}"
        self._lambda.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="code.handler",
            Role=self._role,
            Code={"ZipFile": packed.getvalue()},
        )
        self._lambda.get_waiter("function_active_v2").wait(FunctionName=name)
        return dict(json.load(self._lambda.invoke(FunctionName=name)["Payload"]))


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    with LocalCloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield Functions(cloud)


@pytest.mark.parametrize("package", NOT_IN_THE_RUNTIME)
def test_a_requirement_that_is_not_packed_is_missing(functions: Functions, package: str) -> None:
    assert importlib.util.find_spec(package), "This test shows nothing where our own tools have not got it"
    answer = functions.run(f"import {package}\ndef handler(event, context): return {{}}")
    assert f"No module named '{package}'" in answer["errorMessage"]


def test_the_sdk_is_the_runtimes(functions: Functions) -> None:
    answer = functions.run(
        "import boto3, botocore\n"
        "def handler(event, context):\n"
        "    return {each.__name__: each.__version__ for each in (boto3, botocore)}"
    )
    assert answer == dict(re.findall(r"^(boto3|botocore)==(\S+)", RUNTIME.read_text(), re.MULTILINE))


def test_a_parameter_the_runtimes_sdk_does_not_know_is_refused(functions: Functions) -> None:
    answer = functions.run(
        "import boto3\n"
        "def handler(event, context):\n"
        "    boto3.client('sesv2').send_email(Content={}, ConfigurationOverrides={})"
    )
    assert answer["errorType"] == "ParamValidationError"
    assert 'Unknown parameter in input: "ConfigurationOverrides"' in answer["errorMessage"]
