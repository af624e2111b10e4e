"""What the local cloud makes of MiniStack's answers."""

from types import SimpleNamespace
from typing import Any

import pytest

from local.patches.base import PatchError, replace
from local.patches.executions import java_exception
from local.patches.functions import aws_result
from local.patches.permissions import checked

PLACE = "us-east-1:000000000000"
PARAMETERS = f"arn:aws:ssm:{PLACE}:parameter"


def nobody(_: str) -> None:
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


@pytest.mark.parametrize("body", [None, "text", [1], {"answer": 42}])
def test_what_a_function_returns_stays_as_it_is(body: object) -> None:
    assert aws_result({"body": body}) == {"body": body}


@pytest.mark.parametrize(
    ("service", "request_", "resources"),
    [
        ("ssm", {"Names": ["/a/b", "/a/c"]}, [f"{PARAMETERS}/a/b", f"{PARAMETERS}/a/c"]),
        ("ssm", {"Path": "/a/b/"}, [f"{PARAMETERS}/a/b/"]),
        ("states", {"taskToken": "known"}, ["arn:of:its:machine"]),
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


def test_a_mail_is_checked_for_its_sender() -> None:
    found = checked("ses", {"FromEmailAddress": "Us <us@example.com>", "Content": {}}, PLACE, nobody)
    assert found is not None
    assert found.context == {"ses:FromAddress": "us@example.com"}


@pytest.mark.parametrize(
    ("service", "request_"),
    [("ssm", {"Name": "/a"}), ("ssm", {"Names": []}), ("states", {"taskToken": "unknown"}), ("kms", {})],
)
def test_other_calls_stay_with_ministack(service: str, request_: dict[str, Any]) -> None:
    assert checked(service, request_, PLACE, nobody) is None


def test_a_patch_without_its_target_fails_loudly() -> None:
    with pytest.raises(PatchError, match=r"services\.iam has no function _gone"):
        replace(SimpleNamespace(__name__="services.iam"), "_gone", lambda original: original)
