"""What the system needs beside Python, make, git and npm; Debian's packages provide what is missing.

`python -m local.system` (`make setup`) provides all of it, or ends with a sentence that says what to type.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.console import say

_APT_SECONDS = 900
# Another apt-get may be running, as that of a second run of ours.
_LOCK_SECONDS = 300
# What root alone usually calls is not on every user's PATH.
_MORE_PATH = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin"
# Where this folder is, systemd runs: https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html
_SYSTEMD = Path("/run/systemd/system")


class LackingError(RuntimeError):
    """When the system lacks something; the message says what, and what to type."""


@dataclass(frozen=True)
class Need:
    """Something of the system: there when each of `files` is, else provided by Debian's `packages`.

    `files` are programs or absolute paths. `services` would be started by the packages and have no use here:
    they are masked, unless they were there before. With `own_network` it needs a network of its own.
    """

    name: str
    purpose: str
    files: tuple[str, ...]
    packages: tuple[str, ...]
    services: tuple[str, ...] = ()
    own_network: bool = False


SAMBA = Need(
    "Samba",
    "the local cloud's directory",
    # Its modules are made for the system's Python; of the last one a domain is made.
    files=("samba", "/usr/bin/python3", "/usr/share/samba/setup"),
    packages=("samba-ad-dc", "samba-ad-provision"),
    services=("smbd", "nmbd", "winbind", "samba-ad-dc"),
    own_network=True,
)
CHROMIUM = Need(
    "Chromium", "the tests of the pages", ("chromium-headless-shell",), ("chromium-headless-shell",)
)
FIREFOX = Need("Firefox", "the tests of mailed links", ("firefox-esr",), ("firefox-esr",))
WEBKIT = Need(
    "WebKit", "the tests of mailed links", ("WebKitWebDriver", "Xvfb"), ("webkit2gtk-driver", "xvfb")
)
CURL = Need("curl", "the test of the README's commands", ("curl",), ("curl",))

NEEDS = (SAMBA, CHROMIUM, FIREFOX, WEBKIT, CURL)


def find(program: str) -> str | None:
    """Return the path of a program of the system, None where it is not there."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_MORE_PATH}")


def missing(need: Need) -> str:
    """Say what keeps something from being used here, and what to type; empty where nothing does."""
    if not _is_there(need):
        return f"{need.name}, for {need.purpose}, is not installed: {_remedy(need)}"
    if need.own_network and not _may_have_network():
        remedy = "its container lacks the capability SYS_ADMIN" if _is_root() else "sudo make test"
        return f"{need.name}, for {need.purpose}, may have no network of its own here: {remedy}"
    return ""


def provide(*needs: Need) -> None:
    """Install what is not there, in a line each that says what and why.

    Raises:
        LackingError: where something is missing all the same.
    """
    lacking = [need for need in needs if not _is_there(need)]
    if lacking and _may_install():
        _run_as_root("apt-get", "update", "--quiet")
        for need in lacking:
            _install(need)
    if still := [sentence for need in needs if (sentence := missing(need))]:
        raise LackingError("\n".join(still))


def _is_root() -> bool:
    return os.geteuid() == 0


def _is_there(need: Need) -> bool:
    return all(Path(file).exists() if file.startswith("/") else find(file) for file in need.files)


def _may_install() -> bool:
    return bool(find("apt-get")) and (_is_root() or _run("sudo", "-n", "true").returncode == 0)


def _may_have_network() -> bool:
    """Say whether a process may leave the machine's network: as root, or as root of a user namespace."""
    user = () if _is_root() else ("--user", "--map-root-user")
    return _run("unshare", *user, "--net", "true").returncode == 0


def _remedy(need: Need) -> str:
    if find("apt-get"):
        return "make setup" if _is_root() else "sudo make setup"
    return f"please install what provides {', '.join(need.files)}"


def _install(need: Need) -> None:
    say(f"Installing {need.name} ({', '.join(need.packages)}), for {need.purpose} ...")
    _mask(need.services)
    quiet = ("--yes", "--quiet", "--no-install-recommends", "-o", f"DPkg::Lock::Timeout={_LOCK_SECONDS}")
    _run_as_root("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", *quiet, *need.packages)


def _mask(services: tuple[str, ...]) -> None:
    """Keep services that are not there yet from being started, now and by every later start of the machine.

    Without systemd Debian's packages start nothing: where no init runs invoke-rc.d refuses to.
    """
    if not _SYSTEMD.exists():
        return
    new = [name for name in services if _run("systemctl", "cat", f"{name}.service").returncode]
    if new:
        _run_as_root("systemctl", "mask", *(f"{name}.service" for name in new))


def _run_as_root(*command: str) -> None:
    done = _run(*(() if _is_root() else ("sudo", "-n")), *command)
    if done.returncode:
        raise LackingError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command; one that is not there has failed."""
    program = find(command[0])
    if program is None:
        return subprocess.CompletedProcess(command, 127, "", "not found")
    return subprocess.run(  # noqa: S603  # the commands above, and no shell
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_APT_SECONDS,
    )


def main() -> None:
    """Provide everything, or end with what is missing."""
    try:
        provide(*NEEDS)
    except LackingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
