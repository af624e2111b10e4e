"""SNS: notifications by mail.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/sns.py
    `_fanout`
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from local.emulator.mailbox import Mail, moment
from local.emulator.patches.base import Untyped, module, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SENDER = "no-reply@sns.amazonaws.com"


def apply(deliver: Callable[[Mail], None]) -> None:
    """AWS: SNS mails what is published to the addresses that subscribed. MiniStack only logs that it would.

    Subscriptions count as confirmed. Raises PatchError.
    """
    sns = module("services.sns", "_topic_by_arn_any_scope")

    def wrap(original: Untyped) -> Untyped:
        def fan_out(
            topic_arn: str, message_id: str, message: str, subject: str, *more: Untyped, **named: Untyped
        ) -> None:
            original(topic_arn, message_id, message, subject, *more, **named)
            topic = sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
            for mail in mails_to(topic["subscriptions"], subject, message, time.time()):
                deliver(mail)

        return fan_out

    replace(sns, "_fanout", wrap)


def mails_to(
    subscriptions: list[dict[str, Any]], subject: str, message: str, timestamp: float
) -> Iterator[Mail]:
    """Yield the mail that each address among a topic's subscriptions gets."""
    for each in subscriptions:
        if each["protocol"] == "email":
            yield Mail(
                via="sns",
                sender=_SENDER,
                to=(each["endpoint"],),
                subject=subject or "AWS Notification Message",
                text=message,
                html="",
                sent_at=moment(timestamp),
            )
