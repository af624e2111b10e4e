"""The emulator's process: MiniStack behind our gateway, on the loopback interface only."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import importlib
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, cast

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from local.emulator import HOST, PROCESS_FILE, REGION, patches
from local.emulator.faults import Faults
from local.emulator.gateway import Gateway
from local.emulator.mailbox import Mailbox
from local.emulator.patches.users import SignIns
from local.emulator.smtp import CA_FILE, EmulatedAccounts, SmtpEndpoint

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework

_PARENT_POLL_SECONDS = 0.5
# Functions inherit the rest: nothing of the developer's own AWS set-up may reach them.
_KEPT_VARIABLES = {"PATH", "LANG", "LC_ALL", "TZ"}


def prepare_environment(state_dir: Path, port: int, wait_scale: float) -> None:
    """Set the environment MiniStack reads when it is imported, and drop everything else."""
    for name in set(os.environ) - _KEPT_VARIABLES:
        del os.environ[name]
    temporary = state_dir / "tmp"
    # What an emulator that was killed left behind.
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    os.environ |= {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "HOME": str(state_dir),
        "IOT_MTLS_ENABLED": "0",
        # Processes that only a peak needed end soon after it; the first of each function stays.
        "LAMBDA_WARM_TTL_SECONDS": "30",
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "0",
        "S3_DATA_DIR": str(state_dir / "s3"),
        "SFN_WAIT_SCALE": str(wait_scale),
        "SFTP_ENABLED": "0",
        # AWS: the certificate of the SMTP endpoint is one that every system trusts.
        "SSL_CERT_FILE": str(state_dir / CA_FILE),
        "STATE_DIR": str(state_dir / "ministack"),
        "TMPDIR": str(temporary),
    }
    tempfile.tempdir = None


async def _stop_without(parent: int, stop: asyncio.Event) -> None:
    """Stop once the parent process has gone: a killed test run leaves nothing behind."""
    while os.getppid() == parent:  # noqa: ASYNC110  # no portable notification
        await asyncio.sleep(_PARENT_POLL_SECONDS)
    stop.set()


def build() -> Gateway:
    """Put the gateway before MiniStack, which reads its environment as it is imported here."""
    emulator = importlib.import_module("ministack.app")
    faults, mailbox = Faults(), Mailbox(Condition())
    smtp = SmtpEndpoint(mailbox, faults, EmulatedAccounts(), REGION)
    gateway = Gateway(emulator.app, mailbox, SignIns(), smtp, faults, Condition())
    patches.apply(gateway)
    return gateway


async def serve(listener: socket.socket, smtp_listener: socket.socket, parent: int | None) -> None:
    """Serve until SIGTERM or SIGINT, or until the parent process has gone."""
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watch = asyncio.create_task(_stop_without(parent, stop)) if parent is not None else None
    gateway = build()
    gateway.smtp.start(smtp_listener, Path(os.environ["SSL_CERT_FILE"]))
    # hypercorn types each ASGI message; the gateway passes them on as they are.
    application = cast("ASGIFramework", gateway)
    await hypercorn_serve(application, config, shutdown_trigger=stop.wait)
    if watch:
        watch.cancel()
    # Functions still running would hold up the interpreter's own end.
    importlib.import_module("ministack.core.lambda_runtime").reset()
    logging.shutdown()
    os._exit(0)


def main() -> None:
    """Run one emulator; a state directory has one at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument(
        "--wait-scale", type=float, default=1.0, help="factor for Wait states and retry intervals"
    )
    parser.add_argument(
        "--with-parent", type=int, metavar="PID", help="end when this parent process has gone"
    )
    arguments = parser.parse_args()
    state_dir: Path = arguments.state_dir.resolve()
    state_dir.mkdir(parents=True, exist_ok=True)

    with (state_dir / PROCESS_FILE).open("a+") as process_file:
        try:
            # Held for as long as this process lives: while it is locked, the pid in it is ours.
            fcntl.flock(process_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"An emulator is already running for {state_dir}")
        process_file.truncate(0)
        listener = socket.create_server((HOST, arguments.port), backlog=512)
        smtp_listener = socket.create_server((HOST, 0), backlog=512)
        port, smtp_port = listener.getsockname()[1], smtp_listener.getsockname()[1]
        prepare_environment(state_dir, port, arguments.wait_scale)
        process_file.write(json.dumps({"pid": os.getpid(), "port": port, "smtp_port": smtp_port}))
        process_file.flush()
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(listener, smtp_listener, arguments.with_parent))


if __name__ == "__main__":
    main()
