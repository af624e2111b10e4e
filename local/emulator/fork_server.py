"""Forks the execution environments of one package's functions, each a process of its own.

Run as `fork_server.py CHANNEL PACKAGE` by the functions' Python, with nothing of ours. Each message is
`[command, folder, variables]` as JSON, with the descriptors of the new process's standard streams; the answer
is its pid.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import runpy
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_MESSAGE = 1 << 20


def main(channel: socket.socket, package: str) -> None:
    """Fork until the emulator ends; in the fork, return once its script has run."""
    _import_runtime(package)
    # Else each environment's first garbage collection would touch, and so copy, all of it.
    gc.freeze()
    while True:
        message, streams, *_ = socket.recv_fds(channel, _LONGEST_MESSAGE, 3)
        if not message:
            return
        reader, writer = os.pipe()
        if not os.fork():
            # Orphaned at once, the environment becomes a child of the emulator, which adopts orphans.
            if environment := os.fork():
                os.write(writer, str(environment).encode())
                os._exit(0)
            command, folder, variables = json.loads(message)
            _become(command, folder, variables, streams)
            return
        os.wait()
        channel.send(os.read(reader, 20))
        for each in (reader, writer, *streams):
            os.close(each)


def _import_runtime(package: str) -> None:
    """Import boto3 as the package's functions find it, and load the lists that all its clients read."""
    # As on AWS, what the package brings along comes first: boto3 uses the package's jmespath.
    sys.path[0] = package
    import boto3  # noqa: PLC0415
    import botocore.loaders  # noqa: PLC0415
    import botocore.session  # noqa: PLC0415

    loader = botocore.loaders.create_loader()
    botocore.session.create_loader = lambda *_: loader
    boto3.Session(region_name="us-east-1").client("sts")
    del sys.path[0]


def _become(command: list[str], folder: str, variables: dict[str, str], streams: Sequence[int]) -> None:
    """Run the command's script as if this process had been started for it."""
    for number, each in enumerate(streams):
        os.dup2(each, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    # By its command `ps` shows a process, and `make bench` knows its function: arg_start and arg_end of
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
    ctypes.memmove(start, "\0".join(command).encode().ljust(end - start, b"\0"), end - start)
    sys.argv = command[1:]
    sys.path.insert(0, str(Path(command[1]).parent))
    runpy.run_path(command[1], run_name="__main__")


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
