"""The commands that the documents tell people to paste."""

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"(?P<indent> *)```(?P<language>\w*)")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of shell commands: the heading it stands below, the line it begins at, and its text."""

    heading: str
    line: int
    text: str


def command_blocks(document: Path) -> list[Block]:
    """Return the blocks of a document that are marked `sh`, in order, without their indentation."""
    blocks: list[Block] = []
    heading, language, indent, start = "", None, 0, 0
    lines: list[str] = []
    for number, line in enumerate(document.read_text("utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and language is None:
            language, indent, start, lines = fence["language"], len(fence["indent"]), number + 1, []
        elif fence:
            if language == "sh":
                blocks.append(Block(heading, start, "".join(f"{each[indent:]}\n" for each in lines)))
            language = None
        elif language is not None:
            lines.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
    return blocks
