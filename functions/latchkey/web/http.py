"""What every response of the HTTP API has in common."""

import json
from base64 import b64decode
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl

from latchkey.errors import BadRequestError

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        # Two years, in seconds: what the preload list asks for (https://hstspreload.org/).
        "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex",
    }
)
"""Headers for each answer, JSON and HTML alike; a page replaces the content security policy by its own.

Source: OWASP ASVS 5.0, 3.4.1 to 3.4.8 and 14.3.2.
"""


#: A request holds a user name or a link's two values; anything much larger is no such request.
MAXIMUM_BODY_CHARACTERS: Final = 4096

Response = dict[str, Any]
"""What a function gives API Gateway's proxy integration (REST, version 1.0): status, headers and body."""


def json_response(
    status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response with the security headers and `headers`."""
    every = {**SECURITY_HEADERS, "Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return {"statusCode": status, "headers": every, "body": json.dumps(body)}


def read_fields(event: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields of a request: from its JSON or form body, else from its query.

    Raises:
        BadRequestError: when the body is too large, not UTF-8, of another content type, or not an object.
    """
    body = _read_body(event)
    if not body.strip():
        return dict(event.get("queryStringParameters") or {})
    media_type = header_fields(event).get("content-type", "").partition(";")[0].strip().lower()
    match media_type:
        case "application/json":
            return _read_json(body)
        case "application/x-www-form-urlencoded":
            return _read_form(body)
        case _:
            raise BadRequestError(
                "content-type", "Send application/json or application/x-www-form-urlencoded."
            )


def header_fields(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a request by their names in lower case."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def read_body_fields(event: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields of a request's body alone: secrets must not come in a query.

    Raises:
        BadRequestError: as `read_fields` does.
    """
    return read_fields({**event, "queryStringParameters": None})


def choice_field[Choice: StrEnum](fields: Mapping[str, object], name: str, default: Choice) -> Choice:
    """Return the choice that one field names, out of those of the default's kind; the default without one.

    Raises:
        BadRequestError: when the field names none of them.
    """
    value = fields.get(name, default.value)
    choices = type(default)
    if not (isinstance(value, str) and value in choices):
        raise BadRequestError(name, f"The field '{name}' must be one of: {', '.join(choices)}.")
    return choices(value)


def _read_body(event: Mapping[str, Any]) -> str:
    body: str = event.get("body") or ""
    if len(body) > MAXIMUM_BODY_CHARACTERS:
        raise BadRequestError("body", f"The body must have at most {MAXIMUM_BODY_CHARACTERS} characters.")
    if not event.get("isBase64Encoded"):
        return body
    try:
        return b64decode(body, validate=True).decode()
    except ValueError as error:
        raise BadRequestError("body", "The body must be text in UTF-8.") from error


def _read_json(body: str) -> dict[str, object]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequestError("body", "The body is not valid JSON.") from error
    if not isinstance(fields, dict):
        raise BadRequestError("body", "The body must be a JSON object.")
    return fields


def _read_form(body: str) -> dict[str, object]:
    try:
        return dict(parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=10))
    except ValueError as error:
        raise BadRequestError("body", "The form is malformed or not in UTF-8.") from error


def text_field(fields: Mapping[str, object], name: str, maximum: int) -> str:
    """Return the text of one field, without the blanks around it.

    Args:
        fields: what `read_fields` returned.
        name: the field's name, which the error names too.
        maximum: how many characters it may have.

    Raises:
        BadRequestError: when the field is missing, empty, no text, too long or not UTF-8.
    """
    value = fields.get(name)
    if value is None:
        raise BadRequestError(name, f"The field '{name}' is missing.")
    if not isinstance(value, str):
        raise BadRequestError(name, f"The field '{name}' must be text.")
    text = value.strip()
    if not text:
        raise BadRequestError(name, f"The field '{name}' is empty.")
    if len(text) > maximum:
        raise BadRequestError(name, f"The field '{name}' must have at most {maximum} characters.")
    # What was no UTF-8 arrives as the replacement character or a lone surrogate.
    if not text.isprintable() or "\N{REPLACEMENT CHARACTER}" in text:
        raise BadRequestError(name, f"The field '{name}' must be printable text in UTF-8.")
    return text
