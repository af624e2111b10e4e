"""What the page of a mailed link sends; apart from `http`, because the pages' own function reads no link."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from latchkey.domain.claims import Handle
from latchkey.web.http import read_body_fields, text_field

#: A handle has 76 characters and a link secret 43; longer ones are no mistyped links.
MAXIMUM_LINK_CHARACTERS: Final = 128


def read_link(event: Mapping[str, Any], now: datetime) -> tuple[Handle, str]:
    """Return the handle and the secret that a link's page sends; the query is never read.

    Raises:
        BadRequestError: when one of the two is missing, or cannot have come from a link.
        ClaimGoneError: when no link that works at this time has that handle.
    """
    fields = read_body_fields(event)
    ph, rs = (text_field(fields, name, MAXIMUM_LINK_CHARACTERS) for name in ("ph", "rs"))
    return Handle.in_time(ph, now), rs
