"""A headless Chromium for the browser tests, and the scripts that they need from npm."""

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import product
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

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


WCAG_21_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
WIDTHS = (1280, 320)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


#: How many rules of axe hold, and which do not, and where: a tenth of a result takes a tenth of the time.
RUN_AXE = """async (tags) => {
  const { passes, violations } = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
  return [passes.length, violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])];
}"""


@cache
def axe() -> str:
    """Return the source of axe-core, at the version that package-lock.json pins."""
    return installed(Path(__file__).parent, "axe-core/axe.min.js").read_text(encoding="utf-8")


def faults(page: Page) -> list[tuple[object, ...]]:
    """Return what is wrong with what a page shows, on every device.

    A width of 320 pixels is also what a window of 1280 by 1024 has at 400 % (WCAG 2.1, 1.4.10).
    """
    page.evaluate(axe())
    found: list[tuple[object, ...]] = []
    for width, scheme in product(WIDTHS, SCHEMES):
        page.set_viewport_size({"width": width, "height": 1024 * width // 1280})
        page.emulate_media(color_scheme=scheme)
        passed, violated = page.evaluate(RUN_AXE, WCAG_21_AA)
        assert passed
        found += [(width, scheme, *violation) for violation in violated]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append((width, scheme, "scrolls sideways"))
    return found
