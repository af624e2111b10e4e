"""What `latchkey check` says: a finding of some kind, with its remedy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that goes wrong, or will; `name` is stable, `sentence` says what was seen.

    A `note` reports what is so on purpose; `--notes` shows it.
    """

    name: str
    sentence: str
    remedy: str
    see: str
    note: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: its name, the section of docs/check.md that explains it, and what mends it."""

    name: str
    section: str
    remedy: str
    note: bool = False

    def found(self, sentence: str) -> Finding:
        """Return a finding of this kind."""
        return Finding(self.name, sentence, self.remedy, f"docs/check.md#{self.section}", self.note)
