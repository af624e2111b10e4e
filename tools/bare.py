"""`make bare`: tries what the README promises in a Debian that has Python, make, git and npm alone.

The last commit of this tree is cloned into it. Needs root; leaves no files, processes or mounts behind.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local import system
from local.console import say

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
BOOTSTRAP = system.Need("mmdebstrap", "a bare Debian", ("mmdebstrap",), ("mmdebstrap",))
# The first Debian with Python 3.13.
_SUITE = "trixie"
_PACKAGES = ("ca-certificates", "git", "make", "npm", "python3-venv")
# An ordinary user, without sudo.
_USER = "newcomer"
# As this machine reaches the registries, so does the Debian: by these files, and by the environment.
_NETWORK_FILES = ("hosts", "npmrc", "pip.conf", "resolv.conf", "ssl/certs/ca-certificates.crt")
# What make tells its own commands, those of this tree.
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONPATH")
# Mounts and processes end with the command.
_ISOLATED = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
# No chroot: from there the kernel allows no user namespace.
_ENTER = """
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
mkdir .host
pivot_root . .host
umount --lazy /.host
rmdir /.host
cd "$HOME/latchkey"
exec runuser -u "$2" -- bash -c "$3"
"""


class BareError(RuntimeError):
    """When a command did not do there what the README says; the message says which."""


def make_debian(folder: Path) -> None:
    """Install a Debian by the registry of this machine, with a clone of the tree for root and for the user.

    Raises BareError where that fails.
    """
    mirrors = _output(
        "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"
    )
    settings = folder.with_suffix(".conf")
    settings.write_text(_output("apt-config", "dump", "Acquire"))
    _output(
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(_PACKAGES)}",
        f"--aptopt={settings}",
        _SUITE,
        str(folder),
        *mirrors.split()[:1],
    )
    for name in _NETWORK_FILES:
        if (Path("/etc") / name).exists():
            shutil.copyfile(Path("/etc") / name, folder / "etc" / name)
    _output("chroot", str(folder), "useradd", "--create-home", _USER)
    for home in ("root", f"home/{_USER}"):
        _output("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder / home / "latchkey"))
    _output("chroot", str(folder), "chown", "--recursive", f"{_USER}:", f"/home/{_USER}/latchkey")


def run(folder: Path, user: str, command: str) -> tuple[int, str]:
    """Run a command in the user's clone, show what it says, and return its exit code and its output."""
    say(f"\n=== {user}: {command}")
    began = time.monotonic()
    home = "/root" if user == "root" else f"/home/{user}"
    environment = {name: value for name, value in os.environ.items() if name not in _OF_MAKE}
    environment |= {"HOME": home, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    process = subprocess.Popen(  # noqa: S603  # our own script
        [*_ISOLATED, "bash", "-c", _ENTER, "bash", str(folder), user, command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    lines = []
    with process:
        for line in process.stdout or ():
            lines.append(line)
            sys.stdout.write(line)
            sys.stdout.flush()
    say(f"=== exit code {process.returncode} after {time.monotonic() - began:.0f} s")
    return process.returncode, "".join(lines)


def expect(result: tuple[int, str], *, passes: bool, says: str, not_says: str = "") -> None:
    """Raise BareError where a command ended otherwise, or did not say what it has to."""
    code, output = result
    if (code == 0) != passes:
        raise BareError(f"It ended with {code}")
    if says not in output or (not_says and not_says in output):
        raise BareError(f"It has to say {says!r}" + (f" and not {not_says!r}" if not_says else ""))


def show(folder: Path, tests: str) -> None:
    """Run the README's commands as an ordinary user and as root. Raises BareError where one fails."""
    without, type_this = "Going on without a directory", "is not installed: sudo make setup"
    directory = "A Samba domain controller answers on"
    expect(run(folder, _USER, "make test"), passes=False, says=type_this, not_says="test session starts")
    expect(run(folder, _USER, "make demo"), passes=True, says=without, not_says=directory)
    expect(run(folder, "root", "make demo"), passes=True, says="Installing Samba")
    expect(run(folder, "root", tests), passes=True, says=" passed")
    # What root installed is there for everyone; nothing else needs root.
    expect(run(folder, _USER, "make demo"), passes=True, says=directory)


def main() -> None:
    """Make the Debian, show the commands in it, and remove it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", default="make test", help="what root runs as the tests")
    tests: str = parser.parse_args().tests
    if os.geteuid() != 0:
        sys.exit("Only root may make a Debian: sudo make bare")
    try:
        system.provide(BOOTSTRAP)
        with tempfile.TemporaryDirectory(prefix="latchkey-bare-") as folder, _memory(Path(folder)):
            say(f"Installing a Debian {_SUITE} with {', '.join(_PACKAGES)} ...")
            make_debian(Path(folder) / "debian")
            show(Path(folder) / "debian", tests)
    except (BareError, system.LackingError) as error:
        sys.exit(str(error))
    say("Everything did what the README says.")


@contextmanager
def _memory(folder: Path) -> Iterator[None]:
    """Keep a folder in memory, for this process and its children alone; its many files go at once."""
    os.unshare(os.CLONE_NEWNS)
    _output("mount", "--make-rprivate", "/")
    _output("mount", "-t", "tmpfs", "-o", "mode=755", "none", str(folder))
    try:
        yield
    finally:
        _output("umount", "--lazy", str(folder))


def _output(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603  # no shell
    if done.returncode:
        raise BareError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
