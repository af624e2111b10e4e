"""A Chromium for the browser tests: the installed one, else Playwright's download, else Debian's package."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

# Root has no sandbox, a test needs no screen, and the browser's own errands would reach out to the network.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
INSTALL_SECONDS = 600


def _installed(_playwright: Playwright) -> str | None:
    return shutil.which("chromium") or shutil.which("chromium", path="/usr/bin")


def _downloaded(playwright: Playwright) -> str | None:
    path = Path(playwright.chromium.executable_path)
    if not path.exists():
        _run(sys.executable, "-m", "playwright", "install", "chromium")
    return str(path) if path.exists() else None


def _packaged(playwright: Playwright) -> str | None:
    _run("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
    return _installed(playwright)


def _run(*command: str) -> bool:
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(command, capture_output=True, check=True, timeout=INSTALL_SECONDS)  # noqa: S603 - ours
        return True
    return False


SOURCES: tuple[Callable[[Playwright], str | None], ...] = (_installed, _downloaded, _packaged)


def find_chromium(playwright: Playwright) -> str:
    """Return the path of a Chromium that starts, after installing one where there is none.

    Raises RuntimeError where neither Playwright nor apt-get can provide it.
    """
    for source in SOURCES:
        path = source(playwright)
        # A download may lack the libraries it needs: what cannot tell its version cannot show a page.
        if path and _run(path, "--version"):
            return path
    raise RuntimeError(
        "The browser tests need Chromium: none is on the PATH, and neither Playwright nor apt-get could "
        "install one. Please install it yourself and run the tests again."
    )


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start a headless Chromium and close it afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(playwright), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
