"""`make demo`: resets, rotations and reminders on a local cloud, step by step; fails when a step does."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from local.cloud import LocalCloud
from local.console import say
from local.demo import directory, reminders, resets, rotation
from local.driver.product import Product


def run() -> None:
    """Run the demo on a cloud of its own and print the transcript. Raises DemoError when a step fails."""
    with tempfile.TemporaryDirectory(prefix="latchkey-demo-") as folder, LocalCloud(Path(folder)) as cloud:
        say("Latchkey demo: resets, rotations and reminders on a cloud of its own, where anyone may ask.")
        say(f"A local cloud listens on {cloud.endpoint_url}. Building and deploying the real template ...")
        started = time.monotonic()
        cloud.deploy(ttl_seconds=resets.CLAIM_TTL_SECONDS)
        say(
            f"Deployed in {time.monotonic() - started:.0f} s. A link lives {resets.CLAIM_TTL_SECONDS} s here."
        )
        say(f"Watch the executions while they run: {cloud.endpoint_url}/_latchkey/executions")
        product = Product(cloud)
        resets.claimed(product)
        resets.expired(product)
        resets.declined(product)
        directory.forgotten(product)
        rotation.filled(product)
        rotation.rotated(product)
        reminders.mailed(product)
        say("\nEvery step did what it said. Stopping the local cloud.")
