"""A function of the local cloud sees what Lambda shows it: its package, the runtime, nothing of ours."""

import importlib.util
import io
import json
import os
import re
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
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
        self.cloud = cloud
        self._lambda = cloud.client("lambda")
        role = cloud.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")
        self._role = role["Role"]["Arn"]
        self._made = 0

    def run(self, code: str, *, timeout: int = 10, **modules: str) -> dict[str, Any]:
        """Run a package of this code and modules alone, and return what its handler returns, or its error."""
        name = self.make(code, {}, timeout=timeout, **modules)
        return self.invoke(name)

    def make(self, code: str, variables: dict[str, str], *, timeout: int = 10, **modules: str) -> str:
        """Make a function, and return its name."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for module, text in {"code": code, **modules}.items():
                archive.writestr(f"{module}.py", text)
        self._made += 1
        name = f"runs-{self._made}"
        self._lambda.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="code.handler",
            Role=self._role,
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": variables},
            Timeout=timeout,
        )
        self._lambda.get_waiter("function_active_v2").wait(FunctionName=name)
        return name

    def invoke(self, name: str) -> dict[str, Any]:
        """Invoke a function, and return what its handler returns, or its error."""
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


def test_a_module_that_the_package_brings_along_comes_before_the_runtimes(functions: Functions) -> None:
    code = "import boto3, jmespath\ndef handler(event, context): return {'path': jmespath.__file__}"
    assert "/package-" in functions.run(code, jmespath="")["path"]


def test_an_environment_is_a_process_of_its_own(functions: Functions) -> None:
    code = (
        "import os\n"
        "def handler(event, context):\n"
        "    return {'pid': os.getpid(), 'parent': os.getppid(), 'variables': dict(os.environ)}"
    )
    names = [functions.make(code, {which: "set"}) for which in ("FIRST", "SECOND")]
    first, second = (functions.invoke(name) for name in names)
    assert functions.invoke(names[0])["pid"] == first["pid"]
    assert second["pid"] != first["pid"]
    assert {first["parent"], second["parent"]} == {functions.cloud.pid}
    assert first["variables"]["FIRST"] == second["variables"]["SECOND"] == "set"
    assert "SECOND" not in first["variables"]
    assert "FIRST" not in second["variables"]
    assert names[0].encode() in (Path("/proc") / str(first["pid"]) / "cmdline").read_bytes()


@pytest.mark.parametrize(
    ("end", "error"),
    [
        ("os._exit(1)", "Error: Runtime exited"),
        ("os.kill(os.getpid(), 9)", "Error: Runtime exited"),
        ("time.sleep(60)", "Task timed out after 5.00 seconds"),
    ],
)
def test_an_environment_that_ended_is_followed_by_another(
    functions: Functions, tmp_path: Path, end: str, error: str
) -> None:
    lived = tmp_path / "lived"
    code = (
        "import os, pathlib, time\n"
        "def handler(event, context):\n"
        f"    lived = pathlib.Path({str(lived)!r})\n"
        "    if lived.exists(): return {'pid': os.getpid()}\n"
        "    lived.write_text(str(os.getpid()))\n"
        f"    {end}"
    )
    name = functions.make(code, {}, timeout=5)
    assert error in functions.invoke(name)["errorMessage"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(lived.read_text()), 0)
    assert functions.invoke(name)["pid"] != int(lived.read_text())


def test_nothing_outlives_the_emulator(functions: Functions) -> None:
    def living() -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # It ended while we looked.
                found.append(path.read_text())
        return [command for command in found if str(functions.cloud.state_dir) in command]

    functions.run("def handler(event, context): return {}")
    assert any("fork_server.py" in each for each in living())
    assert any("_worker.py" in each for each in living())
    functions.cloud.stop()
    deadline = time.monotonic() + 10
    while living():
        assert time.monotonic() < deadline, living()
        time.sleep(0.05)
