"""How every AWS client is made, and how AWS's errors become ours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004

from latchkey.errors import (
    AccessDeniedError,
    ClaimGoneError,
    LatchkeyError,
    ServiceUnavailableError,
    ThrottledError,
)

#: Three tries of 4 seconds at most, and the pauses between them, end before a function's own time-out
#: of 15 seconds. Step Functions does the patient retrying, where it can be seen.
CLIENT_CONFIG: Final = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}
)

#: For calls that only one of several callers can win: a retry could not tell its own success from another
#: caller's. So there is one try, with time for a slow answer.
ONCE_CONFIG: Final = CLIENT_CONFIG.merge(Config(read_timeout=20, retries={"total_max_attempts": 1}))

#: For calls that may fail, and must not delay those that may not.
BRIEF_CONFIG: Final = CLIENT_CONFIG.merge(Config(read_timeout=1, retries={"total_max_attempts": 2}))

#: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html lists the names services
#: use for throttling; TooManyUpdates is SSM's own, LimitExceededException KMS's and SES's, and DynamoDB has
#: ProvisionedThroughputExceededException, for tables on demand too, and TransactionInProgressException.
_THROTTLED: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
        "TransactionInProgressException",
    }
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_SERVER_ERROR: Final = 500

#: What Step Functions answers about a token whose task no longer waits.
TASK_OVER: Final = dict.fromkeys(("TaskTimedOut", "TaskDoesNotExist", "InvalidToken"), ClaimGoneError)


@contextmanager
def translate_errors(doing: str, errors: Mapping[str, type[LatchkeyError]] | None = None) -> Iterator[None]:
    """Turn AWS's errors into Latchkey's, each with a sentence that says what failed.

    Args:
        doing: the attempt in words, for the sentence: "look up the user".
        errors: error codes that mean something special to this call.

    Raises:
        LatchkeyError: the one `errors` names for the code; else ThrottledError, AccessDeniedError or
            ServiceUnavailableError. Any other ClientError passes unchanged.
    """
    try:
        yield
    except ClientError as error:
        answer = error.response["Error"]
        code, message = answer.get("Code", "Unknown"), answer.get("Message", "no message")
        sentence = f"Could not {doing}: AWS answered {code}: {message}"
        if errors and code in errors:
            raise errors[code](sentence) from error
        if code in _THROTTLED:
            raise ThrottledError(sentence) from error
        if code in _DENIED:
            raise AccessDeniedError(sentence) from error
        if error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= _SERVER_ERROR:
            raise ServiceUnavailableError(sentence) from error
        raise
    except (ConnectionError, HTTPClientError) as error:
        raise ServiceUnavailableError(f"Could not {doing}: {error}") from error
