"""What a rotation of the SMTP credentials does, given the keys and the versions of the secret it finds."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from latchkey.errors import KeyLimitError

#: Secrets Manager's own staging labels.
#: Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
CURRENT: Final = "AWSCURRENT"
PREVIOUS: Final = "AWSPREVIOUS"
PENDING: Final = "AWSPENDING"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key of the SMTP user, without its secret."""

    id: str
    active: bool


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """A version of the secret: its labels, and the access key that its credentials are made of."""

    id: str
    labels: frozenset[str]
    created_at: datetime
    key_id: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rotation does.

    Attributes:
        keep: ids of the keys that stay until the new credentials are current; any other may go at once.
        version_id: the version to go on with, because an earlier rotation made it current and was stopped
            before it retired the key before; None to make new credentials.
    """

    keep: tuple[str, ...]
    version_id: str | None = None


def labelled(versions: Collection[SecretVersion], label: str) -> SecretVersion | None:
    """Return the version that carries a staging label, if there is one."""
    return next((version for version in versions if label in version.labels), None)


def plan(
    keys: Collection[AccessKey], versions: Collection[SecretVersion], now: datetime, settling: timedelta
) -> Plan:
    """Return what a rotation does now.

    Args:
        keys: the SMTP user's; IAM allows two.
        versions: those of the secret.
        now: the present moment.
        settling: how long clients may go on using the credentials before the current ones.

    Raises:
        KeyLimitError: when no key may be deleted: two that the secret does not name, or two that it does and
            the current one does not work.
    """
    current, previous, pending = (labelled(versions, label) for label in (CURRENT, PREVIOUS, PENDING))
    named = {version.key_id for version in (current, previous, pending) if version}
    foreign = [key.id for key in keys if key.id not in named]
    if len(foreign) > 1:
        raise KeyLimitError(
            f"The SMTP user has two access keys that the secret does not name: {' and '.join(foreign)}. "
            "Delete one of them before the next rotation."
        )
    own = [version for version in (current, previous) if version]
    used = {version.key_id for version in own}
    keep = tuple(key.id for key in keys if key.id in used)
    if len(keep) < 2:  # noqa: PLR2004  one each
        return Plan(keep)
    current, previous = own
    if not any(key.active for key in keys if key.id == current.key_id):
        raise KeyLimitError(
            f"The SMTP user's access keys are both the secret's, and the current one, {current.key_id}, is "
            f"inactive. Activate it, or delete it or {previous.key_id}."
        )
    if now < max(current.created_at, previous.created_at) + settling:
        return Plan(keep, current.id)
    return Plan(tuple(key for key in keep if key == current.key_id))
