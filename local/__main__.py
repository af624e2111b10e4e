"""Start or stop the local cloud of this checkout (`up`, `down`), or show the product (`demo`)."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time

from local import ROOT, system
from local.cloud import CloudError, LocalCloud, Stack
from local.console import say
from local.emulator.smtp import CA_FILE
from local.sam import SamError
from local.seed import USER_WITHOUT_CONSOLE, USERS

STATE_DIR = ROOT / ".local"
ENVIRONMENT_FILE = "environment.sh"


def describe(stack: Stack) -> str:
    """Say where things are."""
    return f"""
  Ask for a reset   {stack.api_url}/generate
  Read the mails    {stack.mailbox_url}
  Watch executions  {stack.endpoint_url}/_latchkey/executions
  SMTP endpoint     {stack.smtp["host"]}:{stack.smtp["port"]} (authority: {STATE_DIR.name}/{CA_FILE})
  AWS endpoint      {stack.endpoint_url} (region {stack.region}, key id and secret: test)
  Users             {", ".join(USERS)}; without a console password: {USER_WITHOUT_CONSOLE}
  In a shell        . {STATE_DIR.name}/{ENVIRONMENT_FILE}   # then latchkey and aws mean this cloud
  For programs      {STATE_DIR.name}/stack.json
  Stop it           make down
"""


def write_environment(stack: Stack) -> None:
    """Write what lets a shell's `latchkey` and `aws` speak to the local cloud."""
    variables = {
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_REGION": stack.region,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "LATCHKEY_STACK": stack.stack_name,
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    binaries = shlex.quote(str(ROOT / ".venv" / "bin"))
    lines += [
        f'export PATH={binaries}:"$PATH"',
        f'latchkey() {{ PYTHONPATH={shlex.quote(f"{ROOT / 'functions'}:{ROOT}")} python -m cli "$@"; }}',
    ]
    (STATE_DIR / ENVIRONMENT_FILE).write_text("\n".join([*lines, ""]))


def try_to_provide_directory() -> None:
    """Install what a directory needs, or say why there will be none."""
    try:
        system.provide(system.SAMBA)
    except system.LackingError as error:
        say(f"Going on without a directory. {error}")


def directory_line(cloud: LocalCloud) -> str:
    """Say where the directory is, or why there is none."""
    if cloud.directory is None:
        return f"  Directory         none. {system.missing(system.SAMBA)}\n"
    return f"  Directory         ldaps://{cloud.directory.host} (Samba; CA in .local/samba/ca.pem)\n"


def up(access: str, ttl_seconds: int | None) -> None:
    """Start the local cloud, deploy to it and say where it is."""
    cloud = LocalCloud(STATE_DIR, with_parent=False)
    if cloud.running:
        try:
            say("The local cloud is already running." + describe(cloud.stack))
        except FileNotFoundError:
            raise CloudError(
                "The local cloud runs but nothing is deployed to it: make down, then make up"
            ) from None
        return
    started = time.monotonic()
    cloud.start()
    try:
        say("Building and deploying ...")
        stack = cloud.deploy({"RequestAccess": access}, ttl_seconds=ttl_seconds)
    except BaseException:
        cloud.stop()
        raise
    write_environment(stack)
    say(f"The local cloud is up, after {time.monotonic() - started:.0f} seconds." + describe(stack))
    say(directory_line(cloud))


def down() -> None:
    """Stop the local cloud, if it runs."""
    cloud = LocalCloud(STATE_DIR)
    ran = cloud.running
    cloud.stop()
    say("The local cloud is stopped." if ran else "The local cloud is not running.")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "demo"])
    command = parser.parse_args().command
    try:
        if command == "down":
            down()
            return
        try_to_provide_directory()
        if command == "demo":
            # Needs the functions on the path, and the others do not.
            from local import demo  # noqa: PLC0415

            demo.run()
        else:
            ttl = os.environ.get("TTL_SECONDS", "")
            if ttl and (not ttl.isdecimal() or int(ttl) < 1):
                parser.error("TTL_SECONDS is a whole number of seconds, at least 1")
            up(os.environ.get("ACCESS") or "Public", int(ttl) if ttl else None)
    except (CloudError, SamError, AssertionError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
