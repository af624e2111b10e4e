"""A headless Chromium for the browser tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from local import system

# Root has no sandbox, a test needs no screen, and the browser's background requests would reach the network.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start the system's Chromium and close it afterwards. Raises LackingError where it has none."""
    system.provide(system.CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system.find("chromium"), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
