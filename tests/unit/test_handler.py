"""How every function is entered: log lines, metrics, and errors made answers or handed to `Catch`."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from latchkey import errors
from latchkey.errors import (
    BadRequestError,
    ClaimGoneError,
    ClaimNotReadyError,
    EntityTemporarilyUnmodifiableError,
    LatchkeyError,
    NotAllowedError,
    ResetInProgressError,
    ServiceUnavailableError,
    ThrottledError,
)
from latchkey.handler import api_handler, task_handler
from latchkey.observability import count, logger
from latchkey.web.http import SECURITY_HEADERS, Response, json_response
from tests.unit.stack import ALICE, CONTEXT, EXECUTION

type Lines = Callable[[], list[dict[str, Any]]]

ERRORS = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, LatchkeyError) and error is not BadRequestError
]


def answer_to(error: Exception) -> Response:
    @api_handler
    def handler(_event: dict[str, Any], _context: object) -> Response:
        raise error

    return handler({}, CONTEXT)


def metrics_in(lines: list[dict[str, Any]]) -> list[str]:
    emf = [line["_aws"]["CloudWatchMetrics"] for line in lines if "_aws" in line]
    return [metric["Name"] for sets in emf for one in sets for metric in one["Metrics"]]


def test_malformed_input_is_answered_by_400_that_names_the_field() -> None:
    refusal = answer_to(BadRequestError("rs", "The field 'rs' is missing."))
    assert refusal["statusCode"] == 400
    assert json.loads(refusal["body"]) == {
        "error": "Bad request",
        "field": "rs",
        "message": "The field 'rs' is missing.",
    }


def test_a_claim_that_is_gone_is_answered_by_410_in_the_documented_words() -> None:
    refusal = answer_to(ClaimGoneError("Another request took this claim a moment earlier."))
    assert refusal["statusCode"] == 410
    assert json.loads(refusal["body"]) == {
        "error": "Invalid!",
        "message": "This link is expired or has been already used once",
    }


def test_a_caller_who_may_not_ask_gets_a_403_that_tells_nothing_of_the_user() -> None:
    refusal = answer_to(NotAllowedError("The reason."))
    assert refusal["statusCode"] == 403
    assert json.loads(refusal["body"]) == {
        "error": "Not allowed",
        "message": "You may ask for a reset of your own account only, with a verified mail address.",
    }


def test_what_a_page_of_another_site_sends_reaches_no_handler() -> None:
    reached = []

    @api_handler
    def handler(event: dict[str, Any], _context: object) -> Response:
        reached.append(event)
        return json_response(202, {})

    refusal = handler({"headers": {"Sec-Fetch-Site": "cross-site"}}, CONTEXT)
    assert (refusal["statusCode"], reached) == (403, [])
    assert json.loads(refusal["body"])["message"] == "Pages of other sites cannot use this address."


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ClaimNotReadyError, 503),
        (ResetInProgressError, 503),
        (ThrottledError, 504),
        (ServiceUnavailableError, 504),
        (EntityTemporarilyUnmodifiableError, 504),
    ],
)
def test_what_passes_by_itself_says_when_to_retry_and_whether_it_may_have_counted(
    error: type[LatchkeyError], status: int
) -> None:
    refusal = answer_to(error("The reason."))
    assert refusal["statusCode"] == status
    assert int(refusal["headers"]["Retry-After"]) > 0


@pytest.mark.parametrize(
    "error",
    [
        KeyError("planted"),
        RuntimeError("planted"),
        RecursionError("planted"),
        LatchkeyError("planted"),
        errors.AccessDeniedError("planted"),
        errors.UserNotFoundError("planted"),
    ],
)
def test_anything_unforeseen_is_answered_by_500_without_a_word_of_it(error: Exception) -> None:
    refusal = answer_to(error)
    assert refusal["statusCode"] == 500
    assert json.loads(refusal["body"]) == {
        "error": "Internal error",
        "message": "Something went wrong on our side. Please try again later.",
    }


@pytest.mark.parametrize(
    "error", [*(error("why") for error in ERRORS), BadRequestError("ph", "why"), OSError()]
)
def test_every_refusal_has_the_security_headers(error: Exception) -> None:
    assert SECURITY_HEADERS.items() <= answer_to(error)["headers"].items()


@pytest.mark.parametrize("error", [error for error in ERRORS if error.__name__ != "BadRequestError"])
def test_no_refusal_but_that_of_malformed_input_repeats_the_reason(error: type[LatchkeyError]) -> None:
    assert "planted" not in answer_to(error("planted"))["body"]


def test_an_answer_passes_through_an_endpoint() -> None:
    @api_handler
    def handler(_event: dict[str, Any], _context: object) -> Response:
        return json_response(202, {"message": "fine"})

    assert handler({}, CONTEXT) == json_response(202, {"message": "fine"})


def test_an_endpoint_logs_its_status_and_the_execution_but_neither_request_nor_answer(lines: Lines) -> None:
    @api_handler
    def handler(_event: dict[str, Any], _context: object) -> Response:
        logger.append_keys(execution=EXECUTION)
        return json_response(200, {"password": "planted-1"})

    handler({"body": "planted-2"}, CONTEXT)
    logged = lines()
    assert [(line["status"], line["execution"]) for line in logged] == [(200, EXECUTION)]
    assert "planted" not in json.dumps(logged)


def test_an_endpoint_logs_the_trace_of_what_it_did_not_foresee(lines: Lines) -> None:
    answer_to(RuntimeError("the reason"))
    assert "RuntimeError: the reason" in lines()[0]["exception"]


def test_one_request_does_not_log_under_the_execution_of_another(lines: Lines) -> None:
    @api_handler
    def handler(event: dict[str, Any], _context: object) -> Response:
        if "execution" in event:
            logger.append_keys(**event)
        return json_response(200, {})

    handler({"execution": EXECUTION}, CONTEXT)
    handler({}, CONTEXT)
    assert [line.get("execution") for line in lines()] == [EXECUTION, None]


def test_a_task_returns_its_result() -> None:
    @task_handler
    def handler(event: dict[str, Any], _context: object) -> str:
        return f"for {event['execution']}"

    assert handler({"execution": EXECUTION}, CONTEXT) == f"for {EXECUTION}"


def failing_task(error: Exception) -> Callable[[dict[str, Any], object], None]:
    @task_handler
    def handler(_event: dict[str, Any], _context: object) -> None:
        logger.info("Begins.")
        raise error

    return handler


@pytest.mark.parametrize(
    "error", [*(error("why") for error in ERRORS), BadRequestError("user", "why"), KeyError("user")]
)
def test_a_task_hands_the_very_error_to_retry_and_catch(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        failing_task(error)({"execution": EXECUTION}, CONTEXT)
    assert raised.value is error


@pytest.mark.parametrize("error", [ThrottledError("the reason"), RuntimeError("the reason")])
def test_every_line_a_failing_task_logs_names_its_execution(error: Exception, lines: Lines) -> None:
    with pytest.raises(type(error)):
        failing_task(error)({"execution": EXECUTION}, CONTEXT)
    logged = lines()
    assert [line["execution"] for line in logged] == [EXECUTION, EXECUTION]
    assert "the reason" in json.dumps(logged[-1])


def test_every_line_a_task_logs_names_its_execution_metrics_included(lines: Lines) -> None:
    @task_handler
    def handler(_event: dict[str, Any], _context: object) -> None:
        count("Claimed")

    handler({"execution": EXECUTION}, CONTEXT)
    assert [line["execution"] for line in lines()] == [EXECUTION, EXECUTION]


def test_a_task_does_not_log_its_event(lines: Lines) -> None:
    @task_handler
    def handler(_event: dict[str, Any], _context: object) -> str:
        return "planted-1"

    handler({"execution": EXECUTION, "sealed": "planted-2"}, CONTEXT)
    assert "planted" not in json.dumps(lines())


def test_a_count_is_one_metric_of_the_service_and_of_nothing_personal(lines: Lines) -> None:
    @task_handler
    def handler(_event: dict[str, Any], _context: object) -> None:
        count("Completed")

    handler({"execution": EXECUTION, "user": ALICE}, CONTEXT)
    (metric,) = [line for line in lines() if "_aws" in line]
    assert metric["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "latchkey-test",
            "Dimensions": [["service"]],
            "Metrics": [{"Name": "Completed", "Unit": "Count"}],
        }
    ]
    assert (metric["service"], metric["Completed"]) == ("reset", [1.0])


def test_what_was_counted_before_a_failure_is_published_once(lines: Lines) -> None:
    @task_handler
    def handler(_event: dict[str, Any], _context: object) -> None:
        count("Rejected")
        raise errors.UserNotFoundError("There is no such user.")

    with pytest.raises(errors.UserNotFoundError):
        handler({"execution": EXECUTION}, CONTEXT)
    assert metrics_in(lines()) == ["Rejected"]


def test_a_function_that_counts_nothing_prints_nothing_but_its_log(lines: Lines) -> None:
    @task_handler
    def handler(_event: dict[str, Any], _context: object) -> None:
        return None

    handler({"execution": EXECUTION}, CONTEXT)
    assert [line["message"] for line in lines()] == ["Done."]
