"""Have asl-validator read the state machines: unlike the other checks, it parses every JSONata expression."""

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.asl import read_definition

ROOT = Path(__file__).resolve().parent.parent
VALIDATOR = ROOT / "tools" / "node_modules" / ".bin" / "asl-validator"
_SUBSTITUTION = re.compile(r"\$\{[\w:.]+\}")


def as_deployed(value: Any) -> Any:  # noqa: ANN401  a definition is JSON of any shape
    """Return a definition as a deployment fills it in; of the rest only a number stands well in every place.

    Empty texts get a character: asl-validator takes none, where Step Functions does.
    """
    match value:
        case dict():
            return {name: as_deployed(each) for name, each in value.items()}
        case list():
            return [as_deployed(each) for each in value]
        case str():
            return _SUBSTITUTION.sub("1", value.replace("${Partition}", "aws")) or "-"
        case _:
            return value


def main() -> int:
    """Print what asl-validator says, and return its exit code."""
    with TemporaryDirectory() as folder:
        arguments = [str(VALIDATOR)]
        for path in sorted(ROOT.glob("statemachines/*.asl.json")):
            filled = Path(folder, path.name)
            filled.write_text(json.dumps(as_deployed(read_definition(path))), encoding="utf-8")
            arguments += ["--json-path", path.name]
        done = subprocess.run(  # noqa: S603  # our own tool, and no shell
            arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    sys.stdout.write(done.stdout)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
