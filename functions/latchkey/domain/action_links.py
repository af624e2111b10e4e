"""Mailed links whose page asks one question; they lead to no password."""

from dataclasses import dataclass, field
from enum import StrEnum


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
