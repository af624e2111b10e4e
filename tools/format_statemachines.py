"""Lay out every state machine definition alike: what is short on one line, and each retrier anyway."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from tools.asl import read_definition

_ROOT: Final = Path(__file__).resolve().parent.parent
_INDENT: Final = 2

#: What is longer is broken up, but for a retrier: a list of them is read as a table.
_LINE_LENGTH: Final = 110
_TABLE: Final = "Retry"

#: A definition, its States, and each state keep a line for every key.
_APART: Final = 3


def laid_out(definition: object) -> str:
    """Return a definition as text, with a line break at its end."""
    return _laid_out(definition, depth=0) + "\n"


def _laid_out(
    value: object, *, depth: int, key: str = "", room: int = _LINE_LENGTH, table: bool = False
) -> str:
    flat = _flat(value)
    apart = depth < _APART or key == "States" or (isinstance(value, dict) and "Type" in value)
    if not isinstance(value, dict | list) or not value or table or (not apart and len(flat) <= room):
        return flat
    outer, inner = " " * _INDENT * depth, " " * _INDENT * (depth + 1)
    lines = []
    for name, each in value.items() if isinstance(value, dict) else (("", item) for item in value):
        head = f"{inner}{json.dumps(name)}: " if isinstance(value, dict) else inner
        inside = _laid_out(
            each,
            depth=depth + 1,
            key=name,
            room=_LINE_LENGTH - len(head) - 1,
            table=key == _TABLE and isinstance(value, list),
        )
        lines.append(f"{head}{inside}")
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n" + ",\n".join(lines) + f"\n{outer}{last}"


def _flat(value: object) -> str:
    """Return a value on one line, with blanks inside of braces."""
    if isinstance(value, dict) and value:
        return "{ " + ", ".join(f"{json.dumps(name)}: {_flat(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def main() -> int:
    """Lay out every definition, or say which is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail where something would change"
    )
    check = parser.parse_args().check
    untidy = 0
    for path in sorted((_ROOT / "statemachines").glob("*.asl.json")):
        text = laid_out(read_definition(path))
        if text != path.read_text(encoding="utf-8"):
            untidy += 1
            if check:
                print(f"{path.relative_to(_ROOT)}: not laid out: make format", file=sys.stderr)  # noqa: T201
            else:
                path.write_text(text, encoding="utf-8")
    return 1 if check and untidy else 0


if __name__ == "__main__":
    sys.exit(main())
