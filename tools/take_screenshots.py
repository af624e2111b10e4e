"""Take the pictures of the README: pages, a mail, and the local cloud's view, from a cloud of its own.

No picture holds a secret: what a link and a password are made of is painted over before.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from local.cloud import LocalCloud
from local.driver.product import Product, wait_for
from local.seed import USERS
from tests.e2e.browser import installed, open_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
#: What a README may ask of who reads it, in bytes.
LARGEST = 60_000

_PAINT = "(element) => { element.textContent = '••••••••••••••••••••' }"


def main() -> None:
    """Write every picture anew."""
    PICTURES.mkdir(exist_ok=True)
    installed(ROOT / "local", "@mermaid-js/tiny/dist/mermaid.tiny.js")
    with (
        tempfile.TemporaryDirectory(prefix="latchkey-pictures-") as folder,
        LocalCloud(Path(folder), resets_only=True) as cloud,
        open_chromium() as browser,
    ):
        cloud.deploy()
        page = browser.new_page(viewport={"width": 640, "height": 480}, color_scheme="light")
        with closing(Product(cloud)) as product:
            take_pages(product, page)
            take_view(product, page)


def take_pages(product: Product, page: Page) -> None:
    """Ask, read the mail, reveal."""
    user = USERS[0]
    page.goto(f"{product.stack.api_url}/generate?user={user}")
    save(page, "request")
    product.start_reset(user)
    link = product.wait_for_link(user)
    mail = product.wait_for_mail(user, "CONFIDENTIAL")
    page.set_content(mail["html"].replace(link.rs, "…").replace(link.ph, "…"))
    save(page, "mail")
    wait_for("the reset to wait", lambda: product.phase(user) == "waiting")
    page.goto(f"{link.page}#ph={link.ph}&rs={link.rs}")
    page.get_by_role("button").click()
    page.locator("#password").wait_for()
    page.locator("#password").evaluate(_PAINT)
    save(page, "reveal")


def take_view(product: Product, page: Page) -> None:
    """Let one reset end and another wait."""
    arn = product.start_reset(USERS[1])
    product.wait_for_state(arn, "WaitForClaim")
    page.set_viewport_size({"width": 1000, "height": 800})
    page.goto(f"{product.stack.endpoint_url}/_latchkey/executions#{arn.rpartition(':')[2]}")
    page.locator("#picture g.node.running").wait_for()
    save(page, "executions")


def save(page: Page, name: str) -> None:
    """Save what the window shows.

    Raises:
        SystemExit: when the picture is too large for a README.
    """
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide")
    if path.stat().st_size > LARGEST:
        sys.exit(f"{path.name} has {path.stat().st_size} bytes; {LARGEST} are the most.")
    sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
