"""A headless Chromium for the browser tests, and the scripts that they need from npm."""

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

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

# As long as Playwright waits for all but what is expected: five seconds are not enough for a busy machine.
expect.set_options(timeout=30_000)


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start the system's Chromium and close it afterwards. Raises LackingError where it has none."""
    system.provide(system.CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=system.find("chromium-headless-shell"), args=ARGUMENTS
        )
        try:
            yield browser
        finally:
            browser.close()


def installed(folder: Path, script: str) -> Path:
    """Return a script that a folder's package-lock.json names, installed where it is not yet.

    Processes that want the same folder's at once wait for each other.
    """
    path = folder / "node_modules" / script
    with (folder / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            subprocess.run(["npm", "ci"], cwd=folder, check=True, timeout=300)  # noqa: S607 - wherever npm is
    return path
