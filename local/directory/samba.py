"""A real Active Directory for the local cloud: a Samba domain controller on the loopback interface."""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

from local import ROOT, system

if TYPE_CHECKING:
    from collections.abc import Iterable

REALM = "corp.example.com"
BASE = "DC=corp,DC=example,DC=com"
USERS_BASE = f"OU=People,{BASE}"
EXCLUSION_GROUP = f"CN=No reminders,{BASE}"
SERVICE_ACCOUNT = f"latchkey@{REALM}"
RESET_ACCOUNT = f"latchkey-reset@{REALM}"
#: What is delegated to the account of the resets, on users, as docs/operations.md says.
#: https://learn.microsoft.com/openspecs/windows_protocols/ms-adts, section 5.1.3.2.1, and
#: https://learn.microsoft.com/windows/win32/adschema
RIGHTS = {
    "Reset password": "CR;00299570-246d-11d0-a768-00aa006e0529",
    "pwdLastSet": "WP;bf967a0a-0de6-11d0-a285-00aa003049e2",
    "lockoutTime": "WP;28630ebf-41d5-11d1-a9c1-0000f80367c1",
}
MAXIMUM_AGE_DAYS = 90
SHORT_POLICY_DAYS = 30
PROCESS_FILE = "samba.json"

_HOST = "localhost"
_LOOPBACK = "127.0.0.1"
_LDAPS_PORT = 636
_READY_SECONDS = 60
_POLL_SECONDS = 0.1
# Samba's own modules are made for the system's Python, not for ours.
_SYSTEM_PYTHON = "/usr/bin/python3"
_DOMAIN = Path(__file__).with_name("provision_domain.py")
_SEED = Path(__file__).with_name("seed_users.py")
_DOMAINS = ROOT / ".local" / "domains"
# https://man7.org/linux/man-pages/man7/netdevice.7.html
_GET_FLAGS, _SET_FLAGS, _IS_UP = 0x8913, 0x8914, 0x1


class SambaError(RuntimeError):
    """When the domain controller does not start; the message says why."""


@dataclass(frozen=True)
class DirectoryUser:
    """A user of the directory. `changed_at`, in Unix seconds, is when the password was set; None: never was.

    `account_expires_at`, likewise, is when the account itself ends; None: never.
    With `short_policy` a fine-grained policy lets it expire sooner.
    """

    name: str
    changed_at: float | None
    mail: str = ""
    display_name: str = ""
    language: str = ""
    never_expires: bool = False
    disabled: bool = False
    excluded: bool = False
    short_policy: bool = False
    account_expires_at: float | None = None
    smart_card: bool = False


@dataclass
class Samba:
    """A domain controller below `folder`, which ends with the process `owner`.

    It has a network of its own, so its port 636 is always free; a proxy on a free port of the loopback
    interface leads there.
    """

    folder: Path
    owner: int = field(default_factory=os.getpid)
    password: str = field(default_factory=lambda: f"Aa0!{secrets.token_hex(12)}", repr=False)
    port: int = 0
    ca: str = ""
    _proxy: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """What clients are to connect to."""
        return f"{_HOST}:{self.port}"

    def start(self, users: Iterable[DirectoryUser] = ()) -> None:
        """Provision the domain, with a certificate of its own, and wait until it answers.

        Raises:
            SambaError: when something is missing for it, or it does not answer in time.
        """
        if why_not := system.missing(system.SAMBA):
            raise SambaError(why_not)
        shutil.rmtree(self.folder, ignore_errors=True)
        listener = socket.create_server((_LOOPBACK, 0), backlog=64)
        self.port = listener.getsockname()[1]
        self.provision()
        self._certify()
        self._seed(users)
        with (self.folder / "samba.log").open("ab") as log, listener:
            self._proxy = subprocess.Popen(  # noqa: S603  # our own module, and no shell
                [
                    sys.executable,
                    "-m",
                    "local.directory.samba",
                    str(self.folder),
                    str(listener.fileno()),
                    str(self.owner),
                ],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        self._wait()

    @staticmethod
    def _run(script: Path, wanted: dict[str, Any]) -> None:
        done = subprocess.run(  # noqa: S603  # our own scripts, and no shell
            [_SYSTEM_PYTHON, "-I", str(script)],
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"]},
        )
        if done.returncode:
            raise SambaError(f"{script.name} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    def provision(self) -> None:
        """Make the domain's files, as a copy, with settings of its own."""
        shutil.copytree(self._pattern(), self.folder)
        folders = {
            "private dir": "private",
            "lock directory": "",
            "state directory": "state",
            "cache directory": "cache",
            "pid directory": "run",
            "ncalrpc dir": "ncalrpc",
            "ntp signd socket directory": "ntp",
            "winbindd socket directory": "winbind",
        }
        lines = ["[global]", "netbios name = DC1", f"realm = {REALM.upper()}", "workgroup = CORP"]
        lines += ["server role = active directory domain controller", "server services = ldap"]
        lines += ["interfaces = lo", "bind interfaces only = yes", "panic action =", "log level = 0"]
        lines += [f"log file = {self.folder / 'log.samba'}"]
        lines += [f"{name} = {self.folder / folder}" for name, folder in folders.items()]
        lines += [f"tls {kind}file = {self.folder / kind}.pem" for kind in ("ca", "cert", "key")]
        self.conf.write_text("\n".join(lines) + "\n")

    def _pattern(self) -> Path:
        """Return the files of a domain without our users, made once: that takes a processor seconds."""
        wanted = {"realm": REALM.upper(), "domain": "CORP", "host_name": "dc1", "host_address": _LOOPBACK}
        made_of = [_DOMAIN.read_text(), wanted, Path(str(system.find("samba"))).stat().st_mtime_ns]
        pattern = _DOMAINS / hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
        _DOMAINS.mkdir(parents=True, exist_ok=True)
        with (_DOMAINS / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not pattern.exists():
                unfinished = pattern.with_suffix(".unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                self._run(_DOMAIN, {**wanted, "folder": str(unfinished)})
                unfinished.rename(pattern)
        return pattern

    @property
    def conf(self) -> Path:
        """The domain controller's own settings."""
        return self.folder / "etc" / "smb.conf"

    def _certify(self) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert(_HOST)
        authority.cert_pem.write_to_path(self.folder / "ca.pem")
        issued.private_key_pem.write_to_path(self.folder / "key.pem")
        issued.cert_chain_pems[0].write_to_path(self.folder / "cert.pem")
        (self.folder / "key.pem").chmod(0o600)
        der = ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())
        self.ca = base64.b64encode(der).decode()

    def _seed(self, users: Iterable[DirectoryUser]) -> None:
        wanted = {
            "conf": str(self.conf),
            "sam": str(self.folder / "private" / "sam.ldb"),
            "base": BASE,
            "users_base": USERS_BASE,
            "exclusion_group": EXCLUSION_GROUP,
            "service_account": SERVICE_ACCOUNT,
            "reset_account": RESET_ACCOUNT,
            "delegated": list(RIGHTS.values()),
            "password": self.password,
            "maximum_age_days": MAXIMUM_AGE_DAYS,
            "short_policy_days": SHORT_POLICY_DAYS,
            "users": [asdict(user) for user in users],
        }
        self._run(_SEED, wanted)

    def add(self, users: Iterable[DirectoryUser]) -> None:
        """Add users while it runs; it has one process, and reads its files anew."""
        self._seed(users)

    def _wait(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        while True:
            with contextlib.suppress(OSError), socket.create_connection((_LOOPBACK, self.port), 2) as plain:
                context.wrap_socket(plain, server_hostname=_HOST).close()
                return
            if self._proxy is None or self._proxy.poll() is not None or time.monotonic() > deadline:
                self.stop()
                log = (self.folder / "samba.log").read_text(errors="replace")[-4000:]
                raise SambaError(f"The domain controller did not answer:\n{log}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop it, even if another process started it; nothing happens when it does not run."""
        running = _process(self.folder)
        if running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(running, signal.SIGTERM)
        if self._proxy is not None:
            self._proxy.terminate()
            self._proxy.wait()
        while _process(self.folder) is not None:
            time.sleep(_POLL_SECONDS)


def _process(folder: Path) -> int | None:
    """Read the pid of the proxy's process, if it lives: it holds a lock on the file for as long."""
    with contextlib.suppress(FileNotFoundError), (folder / PROCESS_FILE).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = file.read()
            return int(json.loads(text)["pid"]) if text else None
    return None


# The proxy's process


def _enter_own_network() -> None:
    """Leave the network of this machine for an empty one with a loopback interface.

    Only root may, and Samba asks to be root: any other user becomes it in a user namespace of its own.
    """
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        os.unshare(os.CLONE_NEWNET)
    else:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
        # https://man7.org/linux/man-pages/man7/user_namespaces.7.html: in this order.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14s", b"lo", 0, b"")
        _, flags, _ = struct.unpack("16sH14s", fcntl.ioctl(any_socket, _GET_FLAGS, request))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14s", b"lo", flags | _IS_UP, b""))


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(64 * 1024):
            target.write(data)
            await target.drain()
    target.close()


async def _let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection(_LOOPBACK, _LDAPS_PORT)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))


async def _stand_open(listener: socket.socket, owner: int, samba: subprocess.Popen[bytes]) -> None:
    """Forward connections to Samba until SIGTERM, its own end, or the owner's."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    for process in (samba.pid, owner):
        # Readable once the process has ended: https://man7.org/linux/man-pages/man2/pidfd_open.2.html
        loop.add_reader(os.pidfd_open(process), stop.set)
    async with await asyncio.start_server(_let_in, sock=listener) as server:
        await stop.wait()
        # Else a client that keeps its connection would keep us here.
        server.close_clients()


def main() -> None:
    """Run Samba in a network of its own, and the proxy to it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("listener", type=int)
    parser.add_argument("owner", type=int)
    given: Any = parser.parse_args()
    with (given.folder / PROCESS_FILE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps({"pid": os.getpid()}))
        file.flush()
        listener = socket.socket(fileno=given.listener)
        _enter_own_network()
        conf = given.folder / "etc" / "smb.conf"
        samba = subprocess.Popen(  # noqa: S603  # no shell
            [
                str(system.find("samba")),
                "--foreground",
                "--no-process-group",
                "--model=single",
                "-s",
                str(conf),
            ],
            stdin=subprocess.DEVNULL,
        )
        try:
            asyncio.run(_stand_open(listener, given.owner, samba))
        finally:
            samba.terminate()
            samba.wait()


if __name__ == "__main__":
    main()
