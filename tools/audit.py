"""Have checkov read the transformed template, but for the kinds of findings that docs/security.md answers."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.transform import transform

#: In an environment that uv makes for it: checkov brings a hundred packages, which have no business in ours.
CHECKOV: Final = "checkov==3.3.30"

#: Each has its sentence in docs/security.md.
ANSWERED: Final = (
    "CKV_AWS_18",
    "CKV_AWS_21",
    "CKV_AWS_26",
    "CKV_AWS_28",
    "CKV_AWS_73",
    "CKV_AWS_115",
    "CKV_AWS_116",
    "CKV_AWS_117",
    "CKV_AWS_119",
    "CKV_AWS_120",
    "CKV_AWS_149",
    "CKV_AWS_158",
    "CKV_AWS_173",
)


def main() -> int:
    """Print what checkov says, and return its exit code."""
    with TemporaryDirectory() as folder:
        template = Path(folder, "template.json")
        template.write_text(json.dumps(transform({})), encoding="utf-8")
        uv = str(Path(sys.executable).with_name("uv"))
        checkov = [uv, "tool", "run", "--quiet", "--python", sys.executable, "--from", CHECKOV, "checkov"]
        asked = ["--file", str(template), "--framework", "cloudformation", "--skip-check", ",".join(ANSWERED)]
        return subprocess.call([*checkov, *asked, "--skip-download", "--compact", "--quiet"])  # noqa: S603  # our own tool


if __name__ == "__main__":
    sys.exit(main())
