"""Answers GET and HEAD on every page; a link that a mail scanner opens reaches nothing but this."""

from typing import Any

from latchkey.web.http import Response, answer
from latchkey.web.pages import linked_page, request_page


def handler(event: dict[str, Any], _context: object) -> Response:
    """Return the page that a path begins with: a damaged link's path goes on behind the page's name.

    No more of the path is read, nor logged: it may hold the link's secret. The page's script mends it.
    """
    path = (event["pathParameters"] or {}).get("link", event["resource"].removeprefix("/"))
    query = event.get("queryStringParameters") or {}
    page = request_page(query.get("user", "")) if path.startswith("generate") else linked_page(path)
    if page is None:
        return answer(404, {"error": "Not found", "message": "There is nothing at this address."})
    body = "" if event["httpMethod"] == "HEAD" else page.html
    return {"statusCode": 200, "headers": dict(page.headers), "body": body}
