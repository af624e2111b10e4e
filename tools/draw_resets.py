"""The picture of who may move a user's reset where, from the table of transitions itself."""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def draw(functions: Path) -> str:
    """Return a Mermaid flowchart: full lines move one's own reset, dashed ones replace another's.

    Args:
        functions: the folder of the functions' code.
    """
    if str(functions) not in sys.path:
        sys.path.insert(0, str(functions))
    resets = importlib.import_module("latchkey.domain.resets")
    lines = ["flowchart LR", 'none["no reset"]', *(f'{phase}["{phase}"]' for phase in resets.Phase)]
    for transition in resets.TRANSITIONS:
        label = "<br>".join(filter(None, (transition.step, transition.guard.value)))
        own = _in_order(resets.Phase, transition.own - {transition.to})
        if own:
            lines.append(f'{own} -->|"{label}"| {transition.to}')
        if transition.replaces:
            others = _in_order(resets.Phase, transition.replaces)
            lines.append(f'none & {others} -.->|"{label}"| {transition.to}')
    return "\n    ".join(lines)


def _in_order(phases: Iterable[Any], some: frozenset[Any]) -> str:
    return " & ".join(str(phase) for phase in phases if phase in some)
