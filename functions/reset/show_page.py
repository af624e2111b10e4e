"""Answers GET and HEAD on both pages; a link that a mail scanner opens reaches nothing but this."""

from typing import Any

from latchkey.pages import request_page, reveal_page


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the page of the event's resource as API Gateway's proxy integration for REST APIs expects it."""
    query = event.get("queryStringParameters") or {}
    page = reveal_page() if event["resource"] == "/extract" else request_page(query.get("user", ""))
    body = "" if event["httpMethod"] == "HEAD" else page.html
    return {"statusCode": 200, "headers": dict(page.headers), "body": body}
