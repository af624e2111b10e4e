"""Mailed links whose page asks one question; they lead to no password."""

from dataclasses import dataclass, field
from enum import StrEnum

from latchkey.domain.claims import proves


class LinkKind(StrEnum):
    """What a link asks; also the beginning of its item's name in the registry."""

    QUESTION = "question"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLink:
    """What a link has to prove before its button works."""

    user: str
    execution: str
    secret_sha256: str = field(repr=False)
    task_token: str = field(default="", repr=False)

    def opens_with(self, link_secret: str) -> bool:
        """Tell whether `link_secret` is the one that was mailed."""
        return proves(link_secret, self.secret_sha256)
