"""How AWS's errors become ours."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors
from latchkey.errors import (
    AccessDeniedError,
    ClaimGoneError,
    LatchkeyError,
    ServiceUnavailableError,
    ThrottledError,
)
from tests.unit.stack import client_error

URL = "https://ssm.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("Throttling", 400, ThrottledError),
        ("ThrottlingException", 400, ThrottledError),
        ("TooManyRequestsException", 429, ThrottledError),
        ("TooManyUpdates", 400, ThrottledError),
        ("LimitExceededException", 400, ThrottledError),
        ("RequestLimitExceeded", 503, ThrottledError),
        ("SlowDown", 503, ThrottledError),
        ("ProvisionedThroughputExceededException", 400, ThrottledError),
        ("TransactionInProgressException", 400, ThrottledError),
        ("AccessDenied", 403, AccessDeniedError),
        ("AccessDeniedException", 400, AccessDeniedError),
        ("UnauthorizedOperation", 403, AccessDeniedError),
        ("InternalServerError", 500, ServiceUnavailableError),
        ("ServiceFailure", 500, ServiceUnavailableError),
        ("ServiceUnavailable", 503, ServiceUnavailableError),
        ("KMSInternalException", 500, ServiceUnavailableError),
        ("599", 599, ServiceUnavailableError),
    ],
)
def test_a_code_of_aws_becomes_an_error_of_ours(code: str, status: int, meaning: type[LatchkeyError]) -> None:
    with pytest.raises(LatchkeyError) as raised, translate_errors("store the claim"):
        raise client_error(code, status)
    assert type(raised.value) is meaning


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        SSLError(endpoint_url=URL, error=OSError("handshake")),
        HTTPClientError(error="reset"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_broken_connection_is_a_service_that_is_unavailable(error: Exception) -> None:
    with pytest.raises(ServiceUnavailableError), translate_errors("store the claim"):
        raise error


@pytest.mark.parametrize("code", ["ValidationException", "ParameterNotFound", "NoSuchEntity"])
def test_an_unknown_code_passes_unchanged(code: str) -> None:
    error = client_error(code)
    with pytest.raises(ClientError) as raised, translate_errors("store the claim"):
        raise error
    assert raised.value is error


def test_an_error_that_is_not_of_aws_passes_unchanged() -> None:
    with pytest.raises(KeyError), translate_errors("store the claim"):
        raise KeyError("CLAIMS_PATH")


def test_a_code_may_mean_something_special_to_a_call() -> None:
    meanings = {"AccessDeniedException": ClaimGoneError}
    with pytest.raises(ClaimGoneError), translate_errors("complete the claim", meanings):
        raise client_error("AccessDeniedException", 500)


def test_the_sentence_says_what_failed_and_what_aws_answered() -> None:
    with pytest.raises(ThrottledError) as raised, translate_errors("store the claim"):
        raise client_error("TooManyUpdates")
    assert str(raised.value) == "Could not store the claim: AWS answered TooManyUpdates: said by AWS"


def test_the_error_of_aws_stays_the_cause() -> None:
    error = client_error("Throttling")
    with pytest.raises(ThrottledError) as raised, translate_errors("store the claim"):
        raise error
    assert raised.value.__cause__ is error


def test_an_answer_without_code_and_message_is_still_an_error() -> None:
    error = ClientError({"Error": {}, "ResponseMetadata": {"HTTPStatusCode": 502}}, "PutParameter")  # type: ignore[typeddict-item]
    with (
        pytest.raises(ServiceUnavailableError, match="AWS answered Unknown: no message"),
        translate_errors("try"),
    ):
        raise error


def test_no_error_means_no_error() -> None:
    with translate_errors("store the claim"):
        pass


def test_clients_give_up_while_their_function_still_has_time() -> None:
    settings = vars(CLIENT_CONFIG)
    attempts = settings["retries"]["total_max_attempts"]
    assert attempts * settings["read_timeout"] < 15
