"""Take the pictures of the README: pages, a mail, and the local cloud's view, from a cloud of its own.

No picture holds a secret: what a link and a password are made of is painted over before.
"""

from __future__ import annotations

import re
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from local.cloud import LocalCloud
from local.driver.product import Product
from local.seed import USERS
from tests.e2e.browser import installed, open_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
#: What a README may ask of who reads it, in bytes.
LARGEST = 120_000

#: Words that are no words.
_LONG = re.compile(r"(?<=[\s=>&])[\w.=-]{30,}")
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
        with closing(Product(cloud)) as product:
            take_pages(product, browser.new_page(viewport={"width": 540, "height": 720}))
            # The whole machine, drawn smaller.
            screen: ViewportSize = {"width": 1230, "height": 1030}
            take_view(product, browser.new_page(viewport=screen, device_scale_factor=0.8))
    report()


def take_pages(product: Product, page: Page) -> None:
    """Ask, read the mail, reveal."""
    user = USERS[0]
    page.goto(f"{product.stack.api_url}/generate?user={user}")
    save(page, "request")
    product.start_reset(user)
    link = product.wait_for_link(user)
    mail = product.wait_for_mail(user, "CONFIDENTIAL")
    # Away from the page, whose policy would take the mail's styles; without the link, and the code for it.
    page.goto("about:blank")
    page.set_content(_LONG.sub("…", mail["html"]))
    save(page, "mail")
    product.wait_until_claimable(user)
    page.goto(f"{link.page}#ph={link.ph}&rs={link.rs}")
    page.get_by_role("button").click()
    page.locator("#password").wait_for()
    page.locator("#password").evaluate(_PAINT)
    save(page, "reveal")


def take_view(product: Product, page: Page) -> None:
    """Let one reset end and another wait."""
    arn = product.start_reset(USERS[1])
    product.wait_for_state(arn, "WaitForClaim")
    page.goto(f"{product.stack.endpoint_url}/_latchkey/executions#{arn.rpartition(':')[2]}")
    page.locator("#picture g.node.running").wait_for()
    save(page, "executions")


def save(page: Page, name: str) -> None:
    """Save what the window shows."""
    page.screenshot(path=PICTURES / f"{name}.png", animations="disabled", caret="hide")


def report() -> None:
    """Tell the size of each picture.

    Raises:
        SystemExit: when one is too large for a README.
    """
    sizes = {path.relative_to(ROOT): path.stat().st_size for path in sorted(PICTURES.glob("*.png"))}
    sys.stdout.writelines(f"{path}: {size} bytes\n" for path, size in sizes.items())
    if max(sizes.values()) > LARGEST:
        sys.exit(f"{LARGEST} bytes are the most.")


if __name__ == "__main__":
    main()
