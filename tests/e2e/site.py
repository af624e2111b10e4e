"""The pages without a cloud: the real handler answers GET, a test answers POST, behind a loopback server."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, override
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote, urlsplit

from reset.show_page import handler

STAGE = "/dev"
#: The stack's parameters that the pages read.
STYLE = {
    "ACCENT_COLOR": "#17695c",
    "DEFAULT_LANGUAGE": "en",
    "ORGANIZATION_NAME": "",
    "REMINDER_TIME_ZONE": "UTC",
    "REQUEST_ACCESS": "Public",
    "RESETS_DIRECTORY_USERS": "false",
    "SUPPORT_CONTACT": "",
    "USER_POOL_CLIENT_ID": "",
    "USER_POOL_DOMAIN": "",
}
#: How long an answer that is held back stays so at most.
PATIENCE_SECONDS = 60
#: The routes of the API that have pages of their own; any other path belongs to `/{link+}`.
ROUTES = frozenset({"/generate", "/extract", "/confirm", "/revoke"})


@dataclass(frozen=True)
class Response:
    """What the API says to one POST; without a status the connection is lost instead."""

    status: int
    body: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


LOST = Response(0)


@dataclass
class Site:
    """A loopback stand-in for API Gateway: gives POST the scripted answers and remembers what was posted."""

    origin: str
    answers: list[Response] = field(default_factory=list)
    posts: list[tuple[str, Any]] = field(default_factory=list)
    #: Cleared, it holds back the answers to POST.
    open: Event = field(default_factory=Event)
    #: Answers POST instead of the scripted answers, by route and body.
    service: Callable[[str, Any], Response] | None = None

    #: What befalls a page on its way.
    rewrite: Callable[[str], str] = str

    def reset(self) -> None:
        """Forget what a test scripted and what was posted."""
        self.answers.clear()
        self.posts.clear()
        self.service, self.rewrite = None, str
        self.open.set()

    @property
    def request_url(self) -> str:
        return f"{self.origin}{STAGE}/generate"

    def get(self, target: str, headers: dict[str, str]) -> Response | dict[str, Any]:
        url = urlsplit(target)
        if url.path == "/elsewhere":  # how a mail gateway's own link leads on
            return Response(302, headers={"Location": dict(parse_qsl(url.query))["url"]})
        route = url.path.partition(STAGE)[2]  # whatever a proxy has before it
        event = {
            "resource": route if route in ROUTES else "/{link+}",
            "pathParameters": None if route in ROUTES else {"link": unquote(route).removeprefix("/")},
            "httpMethod": "GET",
            "headers": headers,
            "queryStringParameters": dict(parse_qsl(url.query)) or None,
        }
        answer = handler(event, None)
        return {**answer, "body": self.rewrite(answer["body"])}

    def post(self, target: str, body: bytes) -> Response:
        self.posts.append((target, json.loads(body)))
        self.open.wait(PATIENCE_SECONDS)
        if self.service:
            return self.service(target.removeprefix(STAGE), json.loads(body))
        return self.answers.pop(0) if self.answers else Response(500)


@contextmanager
def serve() -> Iterator[Site]:
    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(site.get(self.path, dict(self.headers)))

        def do_POST(self) -> None:
            self.answer(site.post(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

        def answer(self, answer: Response | dict[str, Any]) -> None:
            if answer is LOST:
                self.close_connection = True
                return
            if isinstance(answer, Response):
                answer = {
                    "statusCode": answer.status,
                    "headers": {"Content-Type": "application/json", **answer.headers},
                    "body": json.dumps(answer.body),
                }
            body = answer["body"].encode()
            self.send_response(answer["statusCode"])
            for name, value in {**answer["headers"], "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output to what failed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    site.open.set()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        with patch.dict(os.environ, STYLE):
            yield site
    finally:
        site.open.set()
        server.shutdown()
        thread.join()
        server.server_close()
