"""Which of a person's accounts a reset is for."""

from enum import StrEnum


class AccountKind(StrEnum):
    """What callers of the API say; apart, because the pages' function needs no more of a directory."""

    AWS = "aws"
    DIRECTORY = "directory"
