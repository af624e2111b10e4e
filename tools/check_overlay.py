"""See that the words in `functions/overlay/` fit: `python -m tools.check_overlay`.

A mail that asks for a value there is not would fail when it is sent: so it fails here, before a deployment.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = Path(__file__).parents[1] / "functions"

#: Values and sections of a text, and what a page's script fills in.
_VALUE = re.compile(r"\{\{[#^/]?([a-z_.]+)\}\}|\{([a-z]+)\}")


def problems(functions: Path) -> Iterator[str]:
    """Yield what does not fit, in sentences.

    Args:
        functions: the folder of the functions' code, with our languages and perhaps an overlay.
    """
    ours = functions / "latchkey" / "languages"
    words: dict[str, str] = json.loads((ours / "en" / "words.json").read_text("utf-8"))
    mails = {path.name: path.read_text("utf-8") for path in (ours / "en").glob("*.txt")}
    for folder in sorted(path for path in (functions / "overlay").glob("*") if path.is_dir()):
        file = folder / "words.json"
        own: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
        for key, text in own.items():
            if key not in words:
                yield f"{file}: no page and no mail has the text '{key}'."
            else:
                yield from _unknown(f"{file}: '{key}'", text, _values(words[key]))
        for path in sorted(folder.glob("*.txt")):
            if path.name in mails:
                yield from _unknown(str(path), path.read_text("utf-8"), _values(mails[path.name]) | {*words})
            else:
                yield f"{path}: there is no such mail."
        if not (ours / folder.name).exists():
            lacking = [f"the text '{key}'" for key in words if key not in own]
            lacking += [name for name in (*mails, "formats.json") if not (folder / name).exists()]
            yield from (f"{folder}: a language of its own needs {each}." for each in lacking)


def _unknown(where: str, text: str, known: set[str]) -> Iterator[str]:
    yield from (f"{where}: there is no value '{each}'." for each in sorted(_values(text) - known))


def _values(text: str) -> set[str]:
    return {value or placeholder for value, placeholder in _VALUE.findall(text)}


if __name__ == "__main__":
    found = list(problems(FUNCTIONS))
    sys.stderr.writelines(f"{each}\n" for each in found)
    sys.exit(len(found) and 1)
