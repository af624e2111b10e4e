"""The local cloud's faults, in the form that an SDK reads."""

from typing import Any, cast

import pytest
from botocore.parsers import create_parser
from botocore.session import Session

from local.emulator.call_log import CallLog, Operation, Request, identify, principal_name
from local.emulator.faults import FaultError, Faults, fault_from
from local.emulator.responses import error_answer, fault_answer

UPDATE = Operation("iam", "iam", "UpdateLoginProfile")
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def faults_with(**described: object) -> Faults:
    faults = Faults()
    faults.add(
        fault_from({"service": "iam", "action": "UpdateLoginProfile", "error": "NoSuchEntity", **described})
    )
    return faults


def hits(faults: Faults, calls: int, body: bytes = b"") -> list[bool]:
    return [faults.take(UPDATE, body) is not None for _ in range(calls)]


def test_a_fault_hits_once_unless_told_otherwise() -> None:
    assert hits(faults_with(), 3) == [True, False, False]


def test_a_fault_hits_as_often_as_told() -> None:
    assert hits(faults_with(times=2), 3) == [True, True, False]


def test_a_fault_can_hit_always() -> None:
    assert hits(faults_with(times=None), 3) == [True, True, True]


def test_a_fault_can_let_the_first_calls_pass() -> None:
    assert hits(faults_with(after=1), 3) == [False, True, False]


def test_a_fault_can_hit_only_what_exceeds_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("local.emulator.faults.time.monotonic", lambda: now)
    faults = faults_with(times=None, per_second=2)
    assert hits(faults, 3) == [False, False, True]
    now += 0.5
    assert hits(faults, 2) == [False, True]


def test_a_fault_meets_no_other_operation() -> None:
    assert faults_with().take(Operation("iam", "iam", "GetUser"), b"") is None
    assert faults_with().take(Operation("ssm", "ssm", "UpdateLoginProfile"), b"") is None


@pytest.mark.parametrize("body", [b"UserName=alice%40example.com&Action=X", b'{"user": "alice@example.com"}'])
def test_a_fault_can_ask_for_a_part_of_the_body(body: bytes) -> None:
    assert hits(faults_with(match="alice@example.com"), 1, body) == [True]
    assert hits(faults_with(match="bob@example.com"), 1, body) == [False]


def test_a_used_up_fault_makes_way_for_the_next() -> None:
    faults = faults_with(error="First")
    faults.add(fault_from({"service": "iam", "action": "UpdateLoginProfile", "error": "Second"}))
    met = [faults.take(UPDATE, b"") for _ in range(3)]
    assert [fault and fault.error for fault in met] == ["First", "Second", None]


def test_faults_tell_how_often_they_were_seen_and_hit() -> None:
    faults = faults_with(after=2)
    hits(faults, 3)
    assert [(fault["seen"], fault["hits"]) for fault in faults.as_json()] == [(3, 1)]
    faults.clear()
    assert faults.as_json() == []


def test_a_fault_takes_the_names_that_clients_and_state_machines_use() -> None:
    fault = fault_from({"service": "SESv2", "action": "sendEmail"})
    assert (fault.service, fault.action) == ("ses", "SendEmail")


@pytest.mark.parametrize(
    ("described", "field"),
    [
        ([], "object"),
        ({"service": "iam"}, "action"),
        ({"action": "GetUser"}, "service"),
        ({"service": "iam", "action": "GetUser", "tines": 2}, "tines"),
        ({"service": "iam", "action": "GetUser", "times": "2"}, "times"),
        ({"service": "iam", "action": "GetUser", "times": True}, "times"),
        ({"service": "iam", "action": "GetUser", "crash": 1}, "crash"),
        ({"service": "iam", "action": "GetUser", "hits": 1}, "hits"),
    ],
)
def test_a_malformed_fault_is_refused_by_field(described: object, field: str) -> None:
    with pytest.raises(FaultError, match=field):
        fault_from(described)


@pytest.mark.parametrize(
    ("api", "client", "headers"),
    [
        ("iam", "iam", FORM),
        ("ses", "ses", FORM),
        ("sns", "sns", FORM),
        ("sesv2", "sesv2", {}),
        ("ssm", "ssm", {}),
        ("kms", "kms", {}),
        ("states", "stepfunctions", {}),
        ("lambda", "lambda", {}),
        ("s3", "s3", {}),
    ],
)
def test_an_error_is_read_by_the_sdk_of_each_protocol(api: str, client: str, headers: dict[str, str]) -> None:
    answer = error_answer(api, "SomethingUnusual", "Out of order", 418, headers)
    parser = cast("Any", create_parser(Session().get_service_model(client).protocol))
    named = {name.lower(): value for name, value in answer.headers.items()}
    parsed = parser.parse({"status_code": answer.status, "headers": named, "body": answer.body}, None)
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("SomethingUnusual", "Out of order")


def test_a_crash_answers_nothing_at_all() -> None:
    fault = fault_from({"service": "iam", "action": "GetUser", "crash": True})
    answer = fault_answer(fault, UPDATE, {})
    assert (answer.status, answer.body) == (500, b"")


def test_a_delay_is_no_answer() -> None:
    assert not fault_from({"service": "iam", "action": "GetUser", "delay_seconds": 1}).answers


@pytest.mark.parametrize(
    ("request_", "operation"),
    [
        (
            Request("POST", "/", FORM, {}, b"Action=GetUser&Version=2010-05-08"),
            Operation("iam", "iam", "GetUser"),
        ),
        (
            Request("POST", "/", {"x-amz-target": "AmazonSSM.PutParameter"}, {}, b"{}"),
            Operation("ssm", "ssm", "PutParameter"),
        ),
        (
            Request("POST", "/v2/email/outbound-emails", {}, {}, b"{}"),
            Operation("sesv2", "ses", "SendEmail"),
        ),
        (
            Request("POST", "/2015-03-31/functions/f/invocations", {}, {}, b"{}"),
            Operation("lambda", "lambda", "Invoke"),
        ),
    ],
)
def test_an_operation_is_recognised_in_each_protocol(request_: Request, operation: Operation) -> None:
    service = {"authorization": f"AWS4-HMAC-SHA256 Credential=test/20261120/us-east-1/{operation.service}/x"}
    signed = Request(
        request_.method, request_.path, service | request_.headers, request_.query, request_.body
    )
    assert identify(signed) == operation


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:sts::000000000000:assumed-role/ValidateUserRole/session", "ValidateUserRole"),
        ("arn:aws:iam::000000000000:role/service/ResetRole", "ResetRole"),
        ("arn:aws:iam::000000000000:user/alice@example.com", "alice@example.com"),
        ("arn:aws:iam::000000000000:root", "root"),
        ("", ""),
    ],
)
def test_a_principal_is_named_without_its_session_and_path(arn: str, name: str) -> None:
    assert principal_name(arn) == name


def test_the_call_log_tells_denials_and_keeps_no_body() -> None:
    log = CallLog()
    log.add(0, UPDATE, "SomeRole", 200, b"")
    log.add(0, UPDATE, "SomeRole", 400, b'{"__type": "AccessDeniedException", "Message": "secret"}')
    log.add(0, UPDATE, "SomeRole", 400, b'{"__type": "ThrottlingException"}')
    assert [call["denied"] for call in log.as_json()] == [False, True, False]
    assert "secret" not in str(log.as_json())
