"""Chromium, Firefox and WebKit of the system behind one small interface: what people do in a browser."""

import json
import os
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, override

import httpx
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page
from websockets.sync.client import ClientConnection, connect

from local import system
from tests.e2e.browser import open_chromium

_SECONDS = 60
"""How long a browser may take to start, and to answer."""

_CENTRE = """(() => {
  const element = document.querySelector(%s);
  element.scrollIntoView({block: "center"});
  const {x, y, width, height} = element.getBoundingClientRect();
  return [Math.floor(x + width / 2), Math.floor(y + height / 2)];
})()"""


class RefusedError(RuntimeError):
    """When a browser does not do what it is told."""


class Browser(ABC):
    """One tab. Presses and keys come from the browser itself, so the page takes them for a person's."""

    name = ""

    def open(self, url: str) -> None:
        """Open an address afresh: between two that differ in the fragment alone, browsers keep the page."""
        self.navigate("about:blank")
        self.navigate(url)

    def press(self, selector: str) -> None:
        """Click the middle of an element."""
        x, y = self.evaluate(_CENTRE % json.dumps(selector))
        pointer = [{"type": "pointerMove", "x": x, "y": y}]
        pointer += [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        self.perform({"type": "pointer", "id": "mouse", "actions": pointer})

    def type(self, text: str) -> None:
        """Press a key for each character, into what has the focus."""
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.perform({"type": "key", "id": "keys", "actions": keys})

    def wait_for(self, script: str) -> Any:  # noqa: ANN401  # whatever the script returns
        """Return the first true value of an expression, whichever page is there by then."""
        deadline = time.monotonic() + _SECONDS
        found = None
        while not found:
            assert time.monotonic() < deadline, f"{script}: never"
            with suppress(PlaywrightError, RefusedError):  # the page goes while it is asked
                found = self.evaluate(script)
            time.sleep(0.01)
        return found

    @abstractmethod
    def navigate(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""

    @abstractmethod
    def evaluate(self, script: str) -> Any:  # noqa: ANN401  # whatever the script returns
        """Return the value of an expression in the page."""

    @abstractmethod
    def perform(self, source: dict[str, Any]) -> None:
        """Do what one input device does, as WebDriver describes it (https://www.w3.org/TR/webdriver2/#actions)."""


class Chromium(Browser):
    """Through Playwright, whose keys and mouse are the browser's own."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @override
    def navigate(self, url: str) -> None:
        self.page.goto(url)

    @override
    def evaluate(self, script: str) -> Any:
        return self.page.evaluate(script)

    @override
    def perform(self, source: dict[str, Any]) -> None:
        for action in source["actions"]:
            match action["type"]:
                case "pointerMove":
                    self.page.mouse.move(action["x"], action["y"])
                case "pointerDown":
                    self.page.mouse.down()
                case "pointerUp":
                    self.page.mouse.up()
                case "keyDown":
                    self.page.keyboard.down(action["value"])
                case "keyUp":
                    self.page.keyboard.up(action["value"])


class Firefox(Browser):
    """Through WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/)."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = count(1)
        self._call("session.new", capabilities={})
        (tab, *_) = self._call("browsingContext.getTree")["contexts"]
        self._tab = tab["context"]

    def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._ids)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._connection.recv(_SECONDS))).get("id") != number:
            continue
        if answer["type"] != "success":
            raise RefusedError(answer)
        result: dict[str, Any] = answer["result"]
        return result

    @override
    def navigate(self, url: str) -> None:
        self._call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    @override
    def evaluate(self, script: str) -> Any:
        expression = f"JSON.stringify([{script}])"
        answer = self._call(
            "script.evaluate", expression=expression, target={"context": self._tab}, awaitPromise=False
        )
        return json.loads(answer["result"]["value"])[0]

    @override
    def perform(self, source: dict[str, Any]) -> None:
        self._call("input.performActions", context=self._tab, actions=[source])


class WebKit(Browser):
    """Through WebDriver (https://www.w3.org/TR/webdriver2/): Safari's engine, in WebKitGTK's MiniBrowser."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        (browser, *_) = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), reverse=True)
        options = {"webkitgtk:browserOptions": {"binary": str(browser), "args": ["--automation"]}}
        session = self._call("/session", capabilities={"alwaysMatch": options})
        self._session = f"/session/{session['sessionId']}"

    def _call(self, path: str, **body: object) -> Any:  # noqa: ANN401  # as above
        answer = self._http.post(path, json=body)
        if answer.is_error:
            raise RefusedError(answer.text)
        return answer.json()["value"]

    def close(self) -> None:
        self._http.delete(self._session).raise_for_status()

    @override
    def navigate(self, url: str) -> None:
        self._call(f"{self._session}/url", url=url)

    @override
    def evaluate(self, script: str) -> Any:
        return self._call(f"{self._session}/execute/sync", script=f"return {script}", args=[])

    @override
    def perform(self, source: dict[str, Any]) -> None:
        self._call(f"{self._session}/actions", actions=[source])


@contextmanager
def open_chromium_tab(*, before: str = "") -> Iterator[Browser]:
    """Start Chromium; `before` is a script that runs before a page's own."""
    with open_chromium() as chromium:
        page = chromium.new_page()
        page.add_init_script(before)
        yield Chromium(page)


@contextmanager
def open_firefox_tab() -> Iterator[Browser]:
    """Start Firefox with a profile of its own."""
    system.provide(system.FIREFOX)
    with tempfile.TemporaryDirectory() as profile:
        arguments = ("--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0")
        with _running("firefox-esr", *arguments) as firefox:
            address = next(line.split()[-1] for line in firefox.stdout or () if "BiDi listening on" in line)
            with connect(f"{address}/session", max_size=None) as connection:
                yield Firefox(connection)


@contextmanager
def open_webkit_tab() -> Iterator[Browser]:
    """Start WebKit on a screen of no monitor: it has no mode without one."""
    system.provide(system.WEBKIT)
    screen = ("Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "1280x900x24")
    with _running(*screen) as server:
        display = f":{next(iter(server.stdout or ())).strip()}"
        # Compositing would need a graphics card; without one it takes most of the processor.
        environment = {"DISPLAY": display, "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}
        # At the last moment: until the driver has it, it is anyone's.
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with (
            _running("WebKitWebDriver", f"--port={port}", **environment),
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_SECONDS) as http,
        ):
            _wait_for_port(port)
            webkit = WebKit(http)
            yield webkit
            webkit.close()


@contextmanager
def _running(program: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program of the system, and end it afterwards."""
    with subprocess.Popen(  # noqa: S603  # the browsers above, and no shell
        [system.find(program) or program, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "The driver does not listen."
            time.sleep(0.02)
        else:
            return
