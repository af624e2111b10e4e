"""Answers GET and HEAD on every page; a link that a mail scanner opens reaches nothing but this."""

from typing import Any

from latchkey.web.pages import linked_page, request_page


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the page of the event's resource as API Gateway's proxy integration for REST APIs expects it."""
    query = event.get("queryStringParameters") or {}
    route = event["resource"]
    page = request_page(query.get("user", "")) if route == "/generate" else linked_page(route)
    body = "" if event["httpMethod"] == "HEAD" else page.html
    return {"statusCode": 200, "headers": dict(page.headers), "body": body}
