"""Answers GET and HEAD on every page; a link that a mail scanner opens reaches nothing but this."""

import os
from collections.abc import Mapping
from typing import Any

from latchkey import languages, settings
from latchkey.domain.request_fields import AccountKind
from latchkey.web.http import Response, header_fields, json_response
from latchkey.web.pages import Door, Page, linked_page, request_page


def handler(event: dict[str, Any], _context: object) -> Response:
    """Return the page that a path begins with: a damaged link's path goes on behind the page's name.

    No more of the path is read, nor logged: it may hold the link's secret. The page's script mends it.
    """
    path = (event["pathParameters"] or {}).get("link", event["resource"].removeprefix("/"))
    query = event.get("queryStringParameters") or {}
    style = settings.style()
    language = languages.choose(header_fields(event).get("accept-language", ""), style.language)
    if path.startswith("generate"):
        page: Page | None = request_page(
            door(), query.get("user", ""), language, style, chosen_account(query)
        )
    else:
        page = linked_page(path, language, style)
    if page is None:
        return json_response(404, {"error": "Not found", "message": "There is nothing at this address."})
    body = "" if event["httpMethod"] == "HEAD" else page.html
    return {"statusCode": 200, "headers": dict(page.headers), "body": body}


def chosen_account(query: Mapping[str, str]) -> AccountKind | None:
    """Return which account the form begins with; None where there is one kind alone."""
    if not settings.resets_directory_users():
        return None
    directory = query.get("account") == AccountKind.DIRECTORY
    return AccountKind.DIRECTORY if directory else AccountKind.AWS


def door() -> Door:
    """Return who may ask by the page that asks for a reset."""
    return Door(settings.request_access(), os.environ["USER_POOL_DOMAIN"], os.environ["USER_POOL_CLIENT_ID"])
