"""Reads facts from AWS, thinly; nothing here changes anything."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How AWS's services say that something is not there.
_MISSING = frozenset(
    {
        "InvalidPermission.NotFound",
        "NoSuchEntity",
        "NotFoundException",
        "ResourceNotFoundException",
        "WAFNonexistentItemException",
    }
)


class NotThereError(Exception):
    """When AWS has no such thing."""


@contextmanager
def asking() -> Iterator[None]:
    """Raise NotThereError where AWS says that there is no such thing; pass on every other error."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            raise NotThereError from error
        raise
