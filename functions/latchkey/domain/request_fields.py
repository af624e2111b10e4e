"""What a request may say: for which account, with which wish, by how long a name.

The pages' function needs this, and no more of a directory.
"""

from enum import StrEnum

#: The longest mail address that mail reaches (RFC 5321, 4.5.3.1.3, less the two brackets).
MAXIMUM_ADDRESS_CHARACTERS = 254


class AccountKind(StrEnum):
    """Whose account a request is for."""

    AWS = "aws"
    DIRECTORY = "directory"


class Wish(StrEnum):
    """What a person asks for."""

    RESET = "reset"
    UNLOCK = "unlock"
