"""A reset of the directory's user beside one of an IAM user, until the mail with the link was sent."""

from __future__ import annotations

import time
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.figures import paired_ratio
from local.driver.directory import Directory

if TYPE_CHECKING:
    from local.directory.samba import Samba
    from local.driver.product import Product

#: Pairs, after one to warm up: a directory answers alike each time.
PAIRS = 10
_PASSWORD = "Aa0!anything-at-all"  # noqa: S105  # of users made for this


def measure(product: Product, samba: Samba, pairs: int = PAIRS) -> dict[str, Any]:
    """Let users of both kinds ask in turn."""
    directory = Directory(samba)

    def of_directory() -> float:
        name = directory.create_user(_PASSWORD)
        [mail] = directory.read(name, "mail")["mail"]
        return _seconds(product, f"directory/{name}", mail.decode())

    def of_iam() -> float:
        user = product.create_user(_PASSWORD)
        return _seconds(product, user, user)

    of_directory(), of_iam()
    of_both = [(of_directory(), of_iam()) for _ in range(pairs)]
    theirs, ours = zip(*of_both, strict=True)
    return {
        "directory": median(theirs),
        "iam": median(ours),
        "ratio": paired_ratio(theirs, ours),
        "samples": pairs,
    }


def _seconds(product: Product, user: str, address: str) -> float:
    started = time.time()
    product.start_reset(user)
    mail = product.wait_for_mail(address, "CONFIDENTIAL")
    return datetime.fromisoformat(mail["sent_at"]).timestamp() - started
