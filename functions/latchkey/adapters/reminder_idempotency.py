"""DynamoDB: which reminders were sent, so that each is sent once."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyItemNotFoundError,
    IdempotencyPersistenceLayerError,
)
from botocore.exceptions import ClientError

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors
from latchkey.errors import LatchkeyError, ReminderInProgressError, ServiceUnavailableError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)

_KEY_PREFIX = "reminder"

#: A reminder is due on one day only. A month leaves time to look into a complaint.
_KEPT_SECONDS = 30 * 24 * 3600


class ReminderIdempotency:
    """The record of what was sent; made for one invocation, whose end frees the records it left open."""

    def __init__(self, context: object) -> None:
        """Read the table's name from the environment.

        Args:
            context: Lambda's; the time it has left is how long a reminder counts as being sent.
        """
        self._config = IdempotencyConfig(
            expires_after_seconds=_KEPT_SECONDS,
            event_key_jmespath="key",
            raise_on_no_idempotency_key=True,
            hash_function="sha256",
        )
        self._config.register_lambda_context(_as_lambda_context(context))
        self._store = DynamoDBPersistenceLayer(
            table_name=os.environ["IDEMPOTENCY_TABLE"], boto3_client=_dynamodb, expiry_attr="expires_at"
        )

    def once(self, key: str, run: str, send: Callable[[], None]) -> str:
        """Send, unless that was done before, and return the run that did it.

        Errors of `send` are raised on, and leave no record. A crash between mail and record leaves the
        reminder open: it is sent again once this invocation has certainly ended, twice rather than never.

        Raises:
            ReminderInProgressError: when another try may be sending it now.
            ServiceUnavailableError: when DynamoDB cannot be read, so that nothing was sent, or be written.
        """

        @idempotent_function(  # type: ignore[untyped-decorator]  # it passes any function on
            data_keyword_argument="reminder",
            persistence_store=self._store,
            config=self._config,
            key_prefix=_KEY_PREFIX,
        )
        def send_once(*, reminder: dict[str, str]) -> dict[str, str]:  # noqa: ARG001  # what tells them apart
            send()
            return {"run": run}

        try:
            done: dict[str, Any] = send_once(reminder={"key": key})
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError) as error:
            raise ReminderInProgressError("Another try may be sending this reminder.") from error
        except IdempotencyPersistenceLayerError as error:
            cause = error.__cause__
            if isinstance(cause, ClientError):
                with translate_errors("record a reminder"):
                    raise cause from error
            if isinstance(cause, LatchkeyError):
                raise cause from error
            raise ServiceUnavailableError(f"Could not record a reminder: {cause or error}") from error
        return str(done["run"])

    def sender_of(self, key: str) -> str | None:
        """Return the run that sent a reminder; None if none did.

        Raises:
            LatchkeyError: when DynamoDB cannot be read.
        """
        self._store.configure(self._config, key_prefix=_KEY_PREFIX)
        try:
            with translate_errors("look up a reminder"):
                record = self._store.get_record({"key": key})
        except IdempotencyItemNotFoundError:
            return None
        done = record.response_json_as_dict() if record else None
        return str(done["run"]) if done else None


def _as_lambda_context(context: Any) -> "LambdaContext":  # noqa: ANN401  # Lambda gives it no type
    return context  # type: ignore[no-any-return]
