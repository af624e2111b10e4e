"""Keep the pictures in the documents equal to the state machines and the rules they show."""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tools import draw_resets
from tools.asl import Json, UnreadableError, error_names, objects, own_states, read_definition, ways_out

_COMMAND: Final = "python -m tools.draw_statemachines"
_BLOCK: Final = re.compile(r"(<!-- (?P<name>[\w-]+):begin -->\n).*?(<!-- (?P=name):end -->)", re.DOTALL)

# Mermaid's node shapes; a callback waits as a Wait does.
_SHAPES: Final = {
    "Choice": "{{{}}}",
    "Wait": "{{{{{}}}}}",
    "Succeed": "([{}]):::succeeded",
    "Fail": "([{}]):::failed",
}
_PLAIN_SHAPE: Final = "[{}]"
_ERROR_LABELS: Final = {"States.ALL": "error", "States.TaskFailed": "error", "States.Timeout": "time-out"}

# Fill and text colour are set together, so that they read in GitHub's light and dark alike.
_STYLES: Final = (
    "classDef succeeded fill:#dafbe1,stroke:#1a7f37,color:#0b3d1a",
    "classDef failed fill:#ffebe9,stroke:#cf222e,color:#6b0a12",
    "classDef label fill:none,stroke:none",
)

# In a quoted label these end the label, begin a tag, or begin an entity.
_ESCAPES: Final = str.maketrans({"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;"})


def draw(definition: Json) -> str:
    """Return a Mermaid flowchart: full lines for the ways on, dashed ones for errors caught.

    States that catch the same errors with the same target share one label, where their lines meet.
    """
    states = own_states(definition)
    lines = ["flowchart TD"]
    lines += [f"{name}{_shape(state).format(name)}" for name, state in states.items()]
    shared: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name, state in states.items():
        lines += [f"{name} -->{_on_line(label)} {target}" for target, label in _ways_on(state)]
        for target, label in _caught(state).items():
            if target != state.get("Next"):
                shared[label, target].append(name)
    for number, ((label, target), sources) in enumerate(shared.items()):
        if len(sources) == 1:
            lines.append(f"{sources[0]} -.->{_on_line(label)} {target}")
        else:
            lines.append(f'{" & ".join(sources)} -.- caught{number}(["{label}"]):::label')
            lines.append(f"caught{number} -.-> {target}")
    return "\n    ".join([*lines, *_STYLES])


def _shape(state: Json) -> str:
    if str(state.get("Resource")).endswith(".waitForTaskToken"):
        return _SHAPES["Wait"]
    return _SHAPES.get(str(state.get("Type")), _PLAIN_SHAPE)


def _ways_on(state: Json) -> Iterator[tuple[str, str]]:
    rules = objects(state.get("Choices"))
    caught = _caught(state)
    for kind, target in ways_out(state).items():
        if kind == "next":
            yield target, f"also after {caught[target]}" if target in caught else ""
        elif kind == "default":
            yield target, "otherwise"
        elif kind.startswith("choice:"):
            rule = rules[int(kind.removeprefix("choice:"))]
            # The console, too, shows a rule's comment in place of its condition.
            said = str(rule.get("Comment") or rule.get("Condition", ""))
            yield target, said.removeprefix("{%").removesuffix("%}").strip().translate(_ESCAPES)


def _caught(state: Json) -> dict[str, str]:
    """Return a label for each target of the state's catchers."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for number, catcher in enumerate(objects(state.get("Catch"))):
        target = ways_out(state)[f"catch:{number}"]
        names[target] += [_ERROR_LABELS.get(name, name).translate(_ESCAPES) for name in error_names(catcher)]
    return {target: "<br>".join(dict.fromkeys(caught)) for target, caught in names.items()}


def _on_line(label: str) -> str:
    return f'|"{label}"|' if label else ""


def marked(text: str) -> set[str]:
    """Return the names of which a document has `NAME:begin` and `NAME:end` comments."""
    return {match["name"] for match in _BLOCK.finditer(text)}


def redraw(text: str, blocks: Mapping[str, str]) -> str:
    """Return a document with each block between its comments."""
    return _BLOCK.sub(
        lambda match: f"{match[1]}{blocks[match[2]]}\n{match[3]}" if match[2] in blocks else match[0], text
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures; with --check write nothing, and return 1 where one is stale or missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="report what is stale instead of writing it")
    parser.add_argument(
        "--root", type=Path, default=Path(), help="the folder of README.md, docs/, statemachines/"
    )
    options = parser.parse_args(arguments)
    pictures = {}
    for path in sorted((options.root / "statemachines").glob("*.asl.json")):
        try:
            pictures[path.name.removesuffix(".asl.json")] = draw(read_definition(path))
        except UnreadableError as error:
            sys.stdout.write(f"{path}: {error}\n")
            return 1
    functions = options.root / "functions"
    if (functions / "latchkey" / "domain" / "resets.py").exists():
        pictures["resets"] = draw_resets.draw(functions.resolve())
    problems = []
    missing = set(pictures)
    for path in (*options.root.glob("README.md"), *sorted((options.root / "docs").glob("*.md"))):
        text = path.read_text(encoding="utf-8")
        drawn = redraw(text, {name: f"```mermaid\n{picture}\n```" for name, picture in pictures.items()})
        missing -= marked(text)
        if drawn != text and options.check:
            problems.append(f"{path}: a state machine's picture is stale; run: {_COMMAND}")
        elif drawn != text:
            path.write_text(drawn, encoding="utf-8")
    problems += [
        f"no document has a picture of {name}; put <!-- {name}:begin --> and <!-- {name}:end --> into one"
        for name in sorted(missing)
    ]
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
