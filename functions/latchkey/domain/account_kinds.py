"""Which of a person's accounts a request is for, what it asks for, and how long what people type may be."""

from enum import StrEnum

#: The longest mail address that mail reaches (RFC 5321, 4.5.3.1.3, less the two brackets).
MAXIMUM_ADDRESS_CHARACTERS = 254


class AccountKind(StrEnum):
    """What callers of the API say; apart, because the pages' function needs no more of a directory."""

    AWS = "aws"
    DIRECTORY = "directory"


class Wish(StrEnum):
    """What a person asks for; what callers of the API say."""

    RESET = "reset"
    UNLOCK = "unlock"
