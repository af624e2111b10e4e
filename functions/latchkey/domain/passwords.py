"""What a temporary password looks like: long, random, and right for the account's own policy."""

import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

#: Characters that look alike in many fonts; people do retype what they could have copied.
LOOK_ALIKES = frozenset("0O1lI")

UPPERCASE = "".join(c for c in string.ascii_uppercase if c not in LOOK_ALIKES)
LOWERCASE = "".join(c for c in string.ascii_lowercase if c not in LOOK_ALIKES)
DIGITS = "".join(c for c in string.digits if c not in LOOK_ALIKES)

#: A subset of the symbols IAM counts as non-alphanumeric, without quotes, pipes and brackets that
#: shells, spreadsheets and chat programs like to change.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html
SYMBOLS = "!@#$%^*_+-="

_CLASSES = (UPPERCASE, LOWERCASE, DIGITS, SYMBOLS)
_ALPHABET = "".join(_CLASSES)

#: The longest password IAM takes (UpdateLoginProfile, parameter Password).
MAXIMUM_LENGTH = 128


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """The part of an account's password policy that matters here.

    `maximum_age_days` is None where passwords do not expire. `forbidden` are texts that a password must not
    hold, in lower case, whatever the case in the password.
    The defaults are what IAM enforces where no policy is set: 8 characters, three of the four
    classes of characters; every class is demanded here, which meets that too. Users may then change their
    passwords only where a policy of their own lets them.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html
    """

    minimum_length: int = 8
    maximum_age_days: int | None = None
    users_may_change: bool = False
    forbidden: tuple[str, ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned."""
        return cls(minimum_length=int(fields["minimum_length"]), forbidden=tuple(fields["forbidden"]))

    def as_json(self) -> dict[str, Any]:
        """Return the length and the texts, as `of` reads them."""
        return {"minimum_length": self.minimum_length, "forbidden": list(self.forbidden)}


def generate_password(
    policy: PasswordPolicy, length: int, choose: Callable[[Sequence[str]], str] = secrets.choice
) -> str:
    """Return a random password of `length` characters, or of the policy's minimum where that is more.

    Every password holds an upper-case letter, a lower-case letter, a digit and a symbol, so whichever
    classes a policy asks for are there. Drawing whole passwords until one qualifies keeps all
    qualifying passwords equally likely; placing one of each class first would not.

    Raises:
        ValueError: when no password of that length can qualify or IAM would not take it.
    """
    size = max(length, policy.minimum_length)
    if not len(_CLASSES) <= size <= MAXIMUM_LENGTH:
        raise ValueError(f"A password has {len(_CLASSES)} to {MAXIMUM_LENGTH} characters, not {size}.")
    while True:
        password = "".join(choose(_ALPHABET) for _ in range(size))
        if all(any(c in wanted for c in password) for wanted in _CLASSES) and not any(
            text in password.lower() for text in policy.forbidden
        ):
            return password
