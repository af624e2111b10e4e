"""Lambda: how an execution environment starts.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/core/lambda_runtime.py
    `Worker._spawn`
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from local.emulator.patches.base import PatchError, Untyped, module
from local.emulator.patches.functions import RUNTIME

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORK_SERVER = Path(__file__).parents[1] / "fork_server.py"
_PYTHON = str(RUNTIME / "bin" / "python")
# https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
_SET_CHILD_SUBREAPER = 36
# Importing boto3 takes seconds on a busy machine; one that never answers must not hold up the emulator's end.
_DEADLINE_SECONDS = 60
# Where an environment shows its own command.
_ROOM = "-" * 512

_lock = threading.Lock()
_servers: dict[Path, ForkServer] = {}


def apply() -> None:
    """AWS: an environment starts from an image with the runtime in it. MiniStack imports boto3 for each.

    That was most of a start. Forked from a process that has imported it, an environment is what it was:
    a process of its own, and a child of ours, which Linux alone lets us adopt.
    Raises PatchError.
    """
    runtime = module("core.lambda_runtime", "subprocess")
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise PatchError("This process may not adopt orphans, as environments of functions are")
    runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": start})


def start(command: list[str], **options: Untyped) -> subprocess.Popen[str]:
    """Start a process: a forked one where it is an environment of a Python function."""
    return (Environment if command[0] == _PYTHON else subprocess.Popen)(command, **options)


class ForkServer:
    """A process that has imported what the functions of one package find beside their own code."""

    def __init__(self, package: Path) -> None:
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.settimeout(_DEADLINE_SECONDS)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # our own script, and no shell
                [_PYTHON, str(_FORK_SERVER), str(theirs.fileno()), str(package), _ROOM],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def fork(self, message: Sequence[object], streams: Sequence[int]) -> int:
        """Fork an environment and return its pid. Raises OSError when the server is gone or silent."""
        with self._lock:
            socket.send_fds(self._channel, [json.dumps(message).encode()], streams)
            pid = self._channel.recv(20)
        if not pid:
            raise BrokenPipeError(f"The fork server ended with {self._process.wait()}")
        return int(pid)


class Environment(subprocess.Popen[str]):
    """A process that is forked, and otherwise like any other."""

    def _execute_child(self, command: Untyped, *options: Untyped) -> None:
        """Do what Popen leaves to each system; the child's ends of the pipes are ours to close."""
        _, _, _, _, folder, variables, _, _, _, stdin, _, _, stdout, _, stderr, *_ = options
        package = Path(folder).resolve()
        with _lock:
            server = _servers.get(package) or _servers.setdefault(package, ForkServer(package))
        try:
            self.pid = server.fork([command, folder, variables], [stdin, stdout, stderr])
        finally:
            for each in (stdin, stdout, stderr):
                os.close(each)
        self._child_created = True
