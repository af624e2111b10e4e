"""Compile what `sam build` built: `python -m tools.compile_build .aws-sam/build`.

Lambda's code folder is read-only, so without bytecode every cold start compiles all modules again.
"""

from __future__ import annotations

import os
import py_compile
import sys
from importlib.util import cache_from_source
from pathlib import Path


def compile_build(folder: Path) -> None:
    """Put bytecode beside every module below a folder. Raises PyCompileError.

    Every function has a copy of all code, so each text is compiled once, and its copies get links to that
    bytecode. The file name stored in it does not matter: Python replaces it by the one it loads.
    """
    compiled: dict[bytes, Path] = {}
    for source in folder.rglob("*.py"):
        bytecode = Path(cache_from_source(str(source)))
        bytecode.unlink(missing_ok=True)
        text = source.read_bytes()
        if text in compiled:
            bytecode.parent.mkdir(exist_ok=True)
            os.link(compiled[text], bytecode)
            continue
        # An unchecked hash survives packing; a modification time does not.
        py_compile.compile(
            str(source),
            str(bytecode),
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        compiled[text] = bytecode


if __name__ == "__main__":
    compile_build(Path(sys.argv[1]))
