"""Lambda: where a function's code lies.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/core/lambda_runtime.py
    `zipfile`
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import override

from local.emulator.patches.base import module

_lock = threading.Lock()
_unpacked: dict[bytes, Path] = {}


def apply() -> None:
    """Apply the patches of this module. Raises PatchError."""
    # AWS: a start finds the code in place, read-only. MiniStack unpacks it for every process, which takes
    # longer than the start itself and delays all others. Unpacked once, it serves all of them.
    runtime = module("core.lambda_runtime", "zipfile")
    runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": SharedPackage})


class SharedPackage(zipfile.ZipFile):
    """A package that is unpacked once, wherever it is wanted."""

    @override
    def extractall(self, path: object = None, members: object = None, pwd: bytes | None = None) -> None:
        """Put a link to the unpacked package in place of the empty folder `path`."""
        folder = Path(str(path))
        digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).digest()
        with _lock:
            if digest not in _unpacked:
                place = tempfile.mkdtemp(prefix="package-")
                super().extractall(place)
                _unpacked[digest] = Path(place)
        folder.rmdir()
        folder.symlink_to(_unpacked[digest])
