"""The demo's rotations: the one that fills the secret, and one while mails go out all the time."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.console import say
from local.demo.steps import check, tell, title
from local.driver.rotation import Rotation

if TYPE_CHECKING:
    from collections.abc import Generator

    from local.driver.product import Product

_PAUSE_SECONDS = 0.1
_OVERLAP_SECONDS = 4
_GRACE_SECONDS = 3
_READER = "reader@example.com"


@dataclass
class Client:
    """A mail client that reads the secret for each mail, and sends one every tenth of a second."""

    rotation: Rotation
    sent: int = 0
    refused: list[Exception] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def sending(self) -> Generator[None]:
        """Send meanwhile."""
        thread = threading.Thread(target=self._send)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _send(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            try:
                self.rotation.send(_READER, f"Mail {self.sent + len(self.refused) + 1}")
                self.sent += 1
            except Exception as error:  # noqa: BLE001  whatever it is, the mail did not go out
                self.refused.append(error)
            due += _PAUSE_SECONDS
            self._over.wait(max(0, due - time.monotonic()))


def filled(product: Product) -> None:
    """Show how the empty secret got its first credentials."""
    title("The SMTP credentials, which no one copied by hand")
    rotation = Rotation(product)
    say("The stack came with a user without access keys and an empty secret. Its schedule at once began:")
    (first,) = rotation.execution_arns()
    tell(product.wait_for_end(first), ends="Rotated")
    credentials = rotation.credentials()
    say(f"The secret now holds {', '.join(sorted(credentials))}; the user name is {credentials['username']}.")
    check("they log in to the SMTP endpoint", rotation.logs_in(credentials))
    check("the user has this one access key", list(rotation.keys()) == [credentials["username"]])


def rotated(product: Product) -> None:
    """Rotate while mails go out."""
    title("A rotation, while a client sends a mail every 100 ms with whatever the secret holds")
    rotation = Rotation(product)
    client, old = Client(rotation), rotation.credentials()
    with client.sending():
        say(f"The old credentials overlap for {_OVERLAP_SECONDS} s here instead of a day; watching ...")
        run = rotation.run(overlap_seconds=_OVERLAP_SECONDS, grace_seconds=_GRACE_SECONDS)
    tell(run, ends="Rotated")
    arrived = len(product.mails(_READER))
    say(f"{client.sent} mails sent, {len(client.refused)} refused, {arrived} arrived.")
    for error in client.refused[:3]:
        say(f"  refused: {type(error).__name__}: {error}")
    check("no mail was refused", client.sent and not client.refused)
    check("every mail arrived", arrived == client.sent)
    new = rotation.credentials()
    check("the credentials are new", new["username"] != old["username"])
    check("the old ones log in no more", not rotation.logs_in(old))
    check("the old access key is gone", list(rotation.keys()) == [new["username"]])
