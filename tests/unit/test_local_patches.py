"""What the local cloud makes of MiniStack's answers."""

import importlib
import re
import subprocess
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.emulator import patches
from local.emulator.patches import environments, events, functions
from local.emulator.patches.api import decoded_path, joined
from local.emulator.patches.base import PatchError, module, replace
from local.emulator.patches.conditions import joined as joined_conditions
from local.emulator.patches.executions import Execution, java_exception
from local.emulator.patches.functions import aws_result
from local.emulator.patches.packages import SharedPackage
from local.emulator.patches.permissions import checked, named_by, with_path_and_tags
from local.emulator.patches.schedules import fires_at_once

PLACE = "us-east-1:000000000000"
PARAMETERS = f"arn:aws:ssm:{PLACE}:parameter"


def no_machine(_: str) -> None:
    """Know no token."""


@pytest.mark.parametrize(
    ("shape", "exception"),
    [
        ("ParameterNotFound", "ParameterNotFoundException"),
        ("ThrottlingException", "ThrottlingException"),
        ("DBClusterNotFoundFault", "DBClusterNotFoundException"),
    ],
)
def test_an_error_is_named_like_the_java_sdks_exception(shape: str, exception: str) -> None:
    assert java_exception(shape) == exception


def test_a_raised_exception_keeps_its_class_and_trace() -> None:
    raised = {"errorMessage": "no alice", "errorType": "UserNotFoundError", "stackTrace": ["  File x\n"]}
    result = aws_result({"body": {"latchkey-raised": raised}, "log": "a line"})
    assert (result["body"], result["error"]) == (raised, True)
    assert result["log"].startswith("a line\n[ERROR] UserNotFoundError: no alice\n")


def test_a_process_that_ended_is_no_handler_error() -> None:
    died = {"errorMessage": "Worker process died", "errorType": "Runtime.HandlerError"}
    assert aws_result({"body": died, "error": True})["body"]["errorType"] == "Runtime.ExitError"


def test_only_python_functions_are_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "Environment", lambda _: "Environment")
    monkeypatch.setattr(subprocess, "Popen", lambda _: "Other")
    commands = [[str(functions.RUNTIME / "bin" / "python"), "worker.py"], ["node", "worker.js"]]
    assert [str(environments.start(command)) for command in commands] == ["Environment", "Other"]


@pytest.mark.parametrize("body", [None, "text", [1], {"answer": 42}])
def test_what_a_function_returns_stays_as_it_is(body: object) -> None:
    assert aws_result({"body": body}) == {"body": body}


@pytest.mark.parametrize(
    ("service", "request_", "resources"),
    [
        (
            "iam",
            {"Action": "SimulatePrincipalPolicy", "PolicySourceArn": "arn:aws:iam::0:user/alice"},
            ["arn:aws:iam::0:user/alice"],
        ),
        ("ssm", {"Names": ["/a/b", "/a/c"]}, [f"{PARAMETERS}/a/b", f"{PARAMETERS}/a/c"]),
        ("ssm", {"Path": "/a/b/"}, [f"{PARAMETERS}/a/b/"]),
        ("states", {"taskToken": "known"}, ["arn:of:its:machine"]),
        ("logs", {"logGroupName": "/a"}, [f"arn:aws:logs:{PLACE}:log-group:/a:log-stream:"]),
        (
            "ses",
            {"FromEmailAddress": "Us <us@example.com>", "Content": {}},
            [f"arn:aws:ses:{PLACE}:identity/us@example.com"],
        ),
    ],
)
def test_a_call_is_checked_against_what_it_names(
    service: str, request_: dict[str, Any], resources: list[str]
) -> None:
    found = checked(service, request_, PLACE, {"known": "arn:of:its:machine"}.get)
    assert found is not None
    assert [str(found), *found.others] == resources


@pytest.mark.parametrize(
    ("service", "path", "resource"),
    [
        ("scheduler", "/schedules/daily", f"arn:aws:scheduler:{PLACE}:schedule/default/daily"),
        ("apigateway", "/account", "arn:aws:apigateway:us-east-1::/account"),
        ("scheduler", "/schedules", None),
        ("apigateway", "/restapis/account", None),
    ],
)
def test_a_call_is_checked_against_what_its_path_names(service: str, path: str, resource: str | None) -> None:
    assert named_by(service, path, PLACE) == resource


def test_a_mail_is_checked_for_its_sender() -> None:
    found = checked("ses", {"FromEmailAddress": "Us <us@example.com>", "Content": {}}, PLACE, no_machine)
    assert found is not None
    assert found.context == {"ses:FromAddress": "us@example.com"}


def test_a_metric_is_checked_for_its_namespace() -> None:
    found = checked("monitoring", {"Action": "PutMetricData", "Namespace": "mine"}, PLACE, no_machine)
    assert found is not None
    assert (str(found), found.context) == ("*", {"cloudwatch:namespace": "mine"})


@pytest.mark.parametrize(
    ("expressions", "names", "attributes"),
    [
        (
            {"UpdateExpression": "SET #a.#b = if_not_exists(c.d, :e), f[0] = :g REMOVE #h"},
            {"#a": "A", "#b": "B", "#h": "H"},
            ["A", "H", "c", "f"],
        ),
        (
            {"ConditionExpression": "attribute_not_exists(#a) OR b<=:c AND d IN (:e, :f)"},
            {"#a": "A"},
            ["A", "b", "d"],
        ),
        ({"ProjectionExpression": "#a, b.c"}, {"#a": "A"}, ["A", "b"]),
        ({}, {}, []),
    ],
    ids=["update", "condition", "projection", "none"],
)
def test_a_call_about_an_item_is_checked_for_the_attributes_it_names(
    expressions: dict[str, str], names: dict[str, str], attributes: list[str]
) -> None:
    key = {"TableName": "t", "Key": {"id": {"S": "user#1"}}, "ExpressionAttributeNames": names}
    found = checked("dynamodb", key | expressions, PLACE, no_machine)
    assert found is not None
    assert found.context == {"dynamodb:LeadingKeys": "user#1", "dynamodb:Attributes": attributes}


@pytest.mark.parametrize(
    ("service", "request_"),
    [("ssm", {"Name": "/a"}), ("ssm", {"Names": []}), ("states", {"taskToken": "unknown"}), ("kms", {})],
)
def test_calls_that_name_nothing_more_are_checked_by_ministack_alone(
    service: str, request_: dict[str, Any]
) -> None:
    assert checked(service, request_, PLACE, no_machine) is None


def test_a_patch_without_its_target_fails_loudly() -> None:
    with pytest.raises(PatchError, match=r"services\.iam has no function _gone"):
        replace(SimpleNamespace(__name__="services.iam"), "_gone", lambda original: original)


USER = "arn:aws:iam::000000000000:user"


def test_a_user_is_checked_with_path_and_tags() -> None:
    users = {"alice": {"Arn": f"{USER}/admins/alice", "Tags": [{"Key": "Team", "Value": "A"}]}}
    found = with_path_and_tags(f"{USER}/alice", users)
    assert found == f"{USER}/admins/alice"
    assert getattr(found, "context", None) == {"aws:resourcetag/team": "A"}


@pytest.mark.parametrize(
    "arn", ["*", f"{USER}/bob", "arn:aws:iam::000000000000:role/alice", "arn:aws:s3:::alice"]
)
def test_what_is_no_known_user_is_checked_as_it_is(arn: str) -> None:
    assert with_path_and_tags(arn, {"alice": {"Arn": "-", "Tags": []}}) is arn


def test_an_event_of_an_execution_says_so_and_fails_where_it_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class NotTakenError(Exception):
        def __init__(self, error: str, cause: str) -> None:
            super().__init__(f"{error} {cause}")

    put: list[dict[str, Any]] = []

    def sdk(_resource: str, arguments: dict[str, Any]) -> dict[str, int]:
        put.extend(arguments["Entries"])
        return {"FailedEntryCount": len(put) - 1}

    dispatch: dict[str, Any] = {}
    sfn = module("services.stepfunctions")
    monkeypatch.setattr(sfn, "_SERVICE_DISPATCH", dispatch)
    monkeypatch.setattr(sfn, "_ExecutionError", NotTakenError)
    monkeypatch.setattr(sfn, "_invoke_aws_sdk_integration", sdk)
    monkeypatch.setattr(events, "current_execution", lambda: Execution("arn:x:execution:reset:one", ""))
    events.apply()
    call = dispatch["arn:aws:states:::events:putEvents"]
    entry = {"Source": "s", "DetailType": "d", "Detail": {"user": "alice"}}
    call("", {"Entries": [entry]})
    from_execution = ["arn:x:execution:reset:one", "arn:x:stateMachine:reset"]
    assert put == [{**entry, "Detail": '{"user": "alice"}', "Resources": from_execution}]
    with pytest.raises(NotTakenError, match=r"EventBridge\.FailedEntry .*FailedEntryCount"):
        call("", {"Entries": [entry]})


def test_a_list_among_claims_is_joined_by_commas() -> None:
    assert joined({"groups": ["a", "b"], "none": [], "sub": "x"}) == {"groups": "a,b", "none": "", "sub": "x"}


@pytest.mark.parametrize(
    ("key", "decoded"), [("/~1a~1b/GET", "/a/b/GET"), ("*/*", "*/*"), ("/a/POST", "/a/POST")]
)
def test_a_method_settings_path_is_decoded(key: str, decoded: str) -> None:
    assert decoded_path(key) == decoded


@pytest.mark.parametrize(("value", "text"), [("", ""), ("a, b", "ab")])
def test_a_condition_joins_a_list(value: str, text: str) -> None:
    condition = {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "List"}]}, ""]}]}
    joined_condition = {"Fn::Not": [{"Fn::Equals": [text, ""]}]}
    assert joined_conditions(condition, {"List": {"Value": value}}) == joined_condition


@pytest.mark.parametrize(
    ("schedule", "at_once"),
    [
        ({"ScheduleExpression": "rate(30 days)"}, True),
        ({"ScheduleExpression": "rate(30 days)", "StartDate": 1_795_176_000}, False),
        ({"ScheduleExpression": "cron(0 6 * * ? *)"}, False),
        ({"ScheduleExpression": "at(2026-11-21T09:00:00)"}, False),
    ],
)
def test_only_a_rate_without_a_start_fires_at_once(schedule: dict[str, Any], *, at_once: bool) -> None:
    assert fires_at_once(schedule) is at_once


def test_a_package_is_unpacked_once_for_all_who_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as package:
        package.writestr("reset/__init__.py", "")
    places = [tmp_path / "first", tmp_path / "second"]
    for place in places:
        place.mkdir()
        with SharedPackage(tmp_path / "code.zip") as package:
            package.extractall(place)
    assert (places[0] / "reset" / "__init__.py").exists()
    assert places[0].resolve() == places[1].resolve()


PATCHES = sorted(
    path for path in Path(patches.__file__).parent.glob("*.py") if path.stem not in {"__init__", "base"}
)
_FILE = re.compile(
    r"^https://github\.com/ministackorg/ministack/blob/main/(ministack/.+\.py)\n((?: {4}.+\n)+)", re.MULTILINE
)


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_each_patch_names_what_it_mends_upstream(path: Path) -> None:
    said = importlib.import_module(f"local.emulator.patches.{path.stem}").__doc__ or ""
    links = _FILE.findall(said)
    assert links
    for file, names in links:
        mended = importlib.import_module(file.removesuffix(".py").replace("/", "."))
        assert [name for name in re.findall(r"`(\w+)`", names) if not hasattr(mended, name)] == []


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_each_patch_has_a_test(path: Path) -> None:
    imports = re.compile(rf"patches(?: import .*\b|\.){path.stem}\b")
    assert any(
        imports.search(test.read_text("utf-8")) for test in Path(__file__).parent.glob("test_local_*.py")
    )
