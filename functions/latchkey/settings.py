"""The stack's settings that several functions read from their environment; adapters get them as values."""

import os
from datetime import timedelta

from latchkey.domain.request_fields import RequestAccess
from latchkey.domain.style import Style
from latchkey.domain.users import Protection


def protection() -> Protection:
    """Return which users are never reset."""
    return Protection.of(os.environ["PROTECTED_PATH_PREFIX"], os.environ["PROTECTED_GROUPS"])


def request_access() -> RequestAccess:
    """Return who may ask for a reset. Raises ValueError for what the template does not allow."""
    return RequestAccess(os.environ["REQUEST_ACCESS"])


def request_window() -> timedelta:
    """Return how long a request swallows further ones for the same user."""
    return timedelta(minutes=int(os.environ["REQUEST_WINDOW_MINUTES"]))


def resets_directory_users() -> bool:
    """Tell whether the users of a directory may ask for a reset, beside those of the account."""
    return os.environ["RESETS_DIRECTORY_USERS"] == "true"


def style() -> Style:
    """Return what all pages and mails have in common."""
    return Style.of(os.environ)
