"""What `make smoke` waits for on AWS, which the local cloud does at once; e2e/test_smoke.py has its cases."""

from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from cli import scope
from cli.readers import executions
from tests.unit.stack import IAM, Stack, client_error
from tools import smoke
from tools.smoke import CaseFailedError, Mails, Stage

API = "https://abc.execute-api.eu-central-1.amazonaws.com/prod"
PUBLIC = "https://passwords.example.com"


@pytest.fixture
def stage(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a stage that nothing runs in, and look again at once."""
    assert stack
    monkeypatch.setattr(executions, "last_of", lambda *_: None)
    monkeypatch.setattr(smoke, "_POLL_SECONDS", 0)
    found = scope.Stack("latchkey-prod", "CREATE_COMPLETE", {"RequestAccess": "Iam"}, ())
    return Stage(boto3.Session(), found, API, PUBLIC, Mails("success@example.com"))


def users() -> list[str]:
    return [user["UserName"] for user in IAM.list_users()["Users"]]


def test_a_person_is_asked_for_once_iam_knows_that_they_may_choose_a_password(
    stage: Stage, stack: Stack
) -> None:
    decisions = iter(["implicitDeny", "implicitDeny", "allowed"])
    stack.answer(
        "SimulatePrincipalPolicy", lambda _: {"EvaluationResults": [{"EvalDecision": next(decisions)}]}
    )
    with stage.person() as name:
        assert list(decisions) == []
        assert users() == [name]
    assert users() == []


def test_a_person_who_may_not_choose_one_fails_the_case_and_does_not_stay(
    stage: Stage, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "_PATIENCE_SECONDS", 0)
    stack.answer("SimulatePrincipalPolicy", {"EvaluationResults": [{"EvalDecision": "explicitDeny"}]})
    with pytest.raises(CaseFailedError, match="may choose a password: not within"), stage.person():
        pass
    assert users() == []


def test_a_person_goes_as_soon_as_iam_lets_them(stage: Stage, stack: Stack) -> None:
    stack.fail("DeleteLoginProfile", *[client_error("EntityTemporarilyUnmodifiable", 409)] * 2)
    stack.fail("DeleteUser", client_error("DeleteConflict", 409))
    with stage.person():
        pass
    assert users() == []


def test_another_refusal_is_told(stage: Stage, stack: Stack) -> None:
    stack.fail("DeleteLoginProfile", client_error("AccessDenied", 403))
    with pytest.raises(ClientError, match="AccessDenied"), stage.person():
        pass


@pytest.mark.parametrize(("signed", "base"), [(True, API), (False, PUBLIC)])
def test_only_the_apis_own_address_takes_a_signature(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, signed: bool, base: str
) -> None:
    sent: list[tuple[str, Any]] = []

    def post(url: str, **request: Any) -> httpx.Response:  # noqa: ANN401  # as httpx has it
        sent.append((url, request["headers"]))
        return httpx.Response(202)

    monkeypatch.setattr(httpx, "post", post)
    stage.post("generate", {"user": "alice"}, signed=signed)
    ((url, headers),) = sent
    assert (url, "Authorization" in headers) == (f"{base}/generate", signed)
