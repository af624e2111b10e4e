"""An interactive shell like that of an operator who pastes commands from a document."""

import os
import queue
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

_DEADLINE_SECONDS = 120

#: Says which command failed, inside functions and substitutions too; refuses variables that were never set.
_STRICT = "set -uE -o pipefail; trap 'echo \"FAILED with $?: $BASH_COMMAND\" >&2' ERR"
_COMPLAINT = re.compile(r"^(FAILED with .*|bash: .*)$", re.MULTILINE)


class PasteError(AssertionError):
    """When a pasted command fails, names a variable that was never set, or does not end in time."""


class Shell:
    """A bash as a terminal starts it, with history expansion, but without personal files.

    What one paste defines, the next one finds.
    """

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        """Start it; the AWS CLI on its path is the one beside this Python."""
        self._said: queue.Queue[str] = queue.Queue()
        self._process = subprocess.Popen(
            # Without line editing, which would echo what is pasted.
            ["bash", "--noprofile", "--norc", "--noediting", "-i"],  # noqa: S607  # the operator's own
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A session of its own, without the terminal that runs the tests.
            start_new_session=True,
            cwd=home,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(home),
                "PS1": "",
                "PS2": "",
                **environment,
            },
        )
        threading.Thread(target=self._listen, daemon=True).start()
        self._run(_STRICT)

    def close(self) -> None:
        """End it."""
        with self._process:
            self._process.kill()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line)

    def _run(self, commands: str) -> str:
        end = secrets.token_hex(8)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{commands}\nprintf '\\n%s\\n' {end}\n")
        self._process.stdin.flush()
        lines: list[str] = []
        while not lines or lines[-1] != f"{end}\n":
            try:
                lines.append(self._said.get(timeout=_DEADLINE_SECONDS))
            except queue.Empty:
                raise PasteError(f"No end in sight of:\n{commands}\n{''.join(lines)}") from None
        return "".join(lines[:-1])

    def paste(self, commands: str) -> str:
        """Return what was said.

        Raises:
            PasteError: when a command failed.
        """
        said = self._run(commands)
        complaint = _COMPLAINT.search(said)
        if complaint:
            raise PasteError(f"{complaint[0]}\n\nPasted:\n{commands}\nSaid:\n{said}")
        return said
