"""Who may send a request, and what it may say: for which account, with which wish, by how long a name.

The pages' function needs this, and no more of a directory.
"""

from enum import StrEnum

#: The longest mail address that mail reaches (RFC 5321, 4.5.3.1.3, less the two brackets).
MAXIMUM_ADDRESS_CHARACTERS = 254


class RequestAccess(StrEnum):
    """Who may ask: IAM's callers alone, who signs in to a user pool, or all who reach the API."""

    IAM = "Iam"
    COGNITO = "Cognito"
    PUBLIC = "Public"


class AccountKind(StrEnum):
    """Whose account a request is for."""

    AWS = "aws"
    DIRECTORY = "directory"


class Wish(StrEnum):
    """What a person asks for."""

    RESET = "reset"
    UNLOCK = "unlock"
