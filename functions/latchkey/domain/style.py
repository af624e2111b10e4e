"""What all pages and mails of a stack have in common."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a stack's parameters say about all that people read.

    `language` is the tag of the one to take where nothing tells a person's own. `zone` is the time zone of
    moments in mails, by its IANA name.
    """

    language: str
    zone: str
