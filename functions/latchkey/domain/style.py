"""What all pages and mails of a stack have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a stack's parameters say about all that people read.

    `language` is the tag of the one to take where nothing tells a person's own. `zone` is the time zone of
    moments in mails, by its IANA name. `organization` is its name, and `support` whom to ask: a text, a mail
    address or a URL; both may be empty. `accent` is a colour, as `#17695c`.
    """

    language: str
    zone: str
    organization: str = ""
    support: str = ""
    accent: str = "#17695c"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables the template gives."""
        return cls(
            language=environment["DEFAULT_LANGUAGE"],
            zone=environment["REMINDER_TIME_ZONE"],
            organization=environment["ORGANIZATION_NAME"],
            support=environment["SUPPORT_CONTACT"],
            accent=environment["ACCENT_COLOR"],
        )
