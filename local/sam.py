"""The real `sam build` and `sam deploy`, against the local cloud."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tools.compile_build import compile_build

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from mypy_boto3_s3 import S3Client

_PACKAGED = Path(".aws-sam", "packaged")
_SOURCES = ("template.yaml", "samconfig.toml", "functions", "statemachines")
# A build takes seconds and a deployment under a minute; this is for a machine under load.
_DEADLINE_SECONDS = 600


class SamError(RuntimeError):
    """When SAM fails; the message ends with what it wrote."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Make SAM's environment: without the developer's own AWS set-up, and with this venv's tools first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_CLI_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "SAM_CLI_TELEMETRY": "0", "AWS_CONFIG_FILE": os.devnull} | dict(extra or {})


def sources_digest(root: Path, sources: Iterable[str] = _SOURCES) -> str:
    """Hash the names and contents of everything a build reads, wherever the tree lies."""
    digest = hashlib.sha256(sys.version.encode())
    for source in sources:
        top = root / source
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for path in files:
            if path.is_file() and "__pycache__" not in path.parts:
                for part in (path.relative_to(root).as_posix().encode(), path.read_bytes()):
                    digest.update(len(part).to_bytes(8))
                    digest.update(part)
    return digest.hexdigest()


@contextmanager
def _locked(root: Path, mode: int) -> Generator[None]:
    folder = root / ".aws-sam"
    folder.mkdir(exist_ok=True)
    with (folder / "local.lock").open("a") as lock:
        fcntl.flock(lock, mode)
        yield


def _run(arguments: list[str], root: Path, env: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603  # our own tool, and no shell
        [str(Path(sys.executable).with_name("sam")), *arguments],
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_DEADLINE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise SamError(f"sam {arguments[0]} failed:\n{done.stdout[-8000:]}")


def build(root: Path) -> bool:
    """Build the application below `.aws-sam/build`, unless it is up to date; say whether it had to.

    Processes that build the same tree at once wait for each other. Raises SamError, and PyCompileError for
    a module with a syntax error.
    """
    folder = root / ".aws-sam"
    stamp = folder / "local.sha256"
    with _locked(root, fcntl.LOCK_EX):
        digest = sources_digest(root)
        if stamp.exists() and stamp.read_text() == digest and (folder / "build").is_dir():
            return False
        stamp.unlink(missing_ok=True)
        shutil.rmtree(root / _PACKAGED, ignore_errors=True)
        _run(["build", "--config-env", "local", "--cached", "--parallel"], root, environment())
        compile_build(folder / "build")
        stamp.write_text(digest)
        return True


def share_archive(build: Path) -> Path:
    """Pack the code of a build once, write the built template so that all functions have it, and return that.

    The template gives every function the same code; the build has a copy for each, and SAM packs them all.
    """
    template = (build / "template.yaml").read_text("utf-8")
    folders = re.findall(r"^ +CodeUri: (\w+)$", template, re.MULTILINE)
    archive = Path(shutil.make_archive(str(build / "code"), "zip", build / folders[0]))
    shared = build / "shared.yaml"
    shared.write_text(re.sub(r"(?m)^( +CodeUri:) \w+$", rf"\1 {archive.name}", template), "utf-8")
    return shared


def _packed(root: Path, stack_name: str) -> Path:
    return root / _PACKAGED / f"{stack_name}.yaml"


def package(root: Path, endpoint_url: str, s3: S3Client, stack_name: str) -> None:
    """Bring what `build` built to a bucket of a cloud.

    Packing takes most of a deployment, and each new cloud begins empty. So the packages of a build are kept
    below `.aws-sam/packaged`, and brought from there. Raises SamError.
    """
    template, bucket = _packed(root, stack_name), packages_bucket(stack_name)
    packages = template.with_suffix("")
    s3.create_bucket(Bucket=bucket)
    with _locked(root, fcntl.LOCK_EX):
        if template.exists():
            for path in packages.iterdir():
                s3.upload_file(str(path), bucket, path.name)
            return
        packages.mkdir(parents=True, exist_ok=True)
        unfinished = template.with_suffix(".unfinished")
        shared = share_archive(root / ".aws-sam" / "build")
        arguments = ["package", "--config-env", "local", "--config-file", str(root / "samconfig.toml")]
        arguments += ["--template-file", str(shared), "--s3-bucket", bucket, "--no-progressbar"]
        _run([*arguments, "--output-template-file", str(unfinished)], root, _deploying(endpoint_url))
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for each in page["Contents"]:
                s3.download_file(bucket, each["Key"], str(packages / each["Key"]))
        unfinished.rename(template)


def _quoted(value: str) -> str:
    """Keep a value with blanks together: SAM takes each argument apart once more."""
    return f'"{value}"' if " " in value else value


def packages_bucket(stack_name: str) -> str:
    """Name the bucket a stack's packages go to."""
    return f"{stack_name}-packages"


def _deploying(endpoint_url: str) -> dict[str, str]:
    return environment(
        {
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            # Seconds between two looks at the deployment; there is no rate limit to respect here.
            "SAM_CLI_POLL_DELAY": "1",
        }
    )


def deploy(
    root: Path, endpoint_url: str, stack_name: str, parameters: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    """Deploy what `package` packed, or else pack what lies in `root` as well; the bucket has to exist.

    Raises SamError.
    """
    arguments = ["deploy", "--config-env", "local", "--stack-name", stack_name, "--region", "us-east-1"]
    arguments += ["--s3-bucket", packages_bucket(stack_name), "--no-confirm-changeset", "--no-progressbar"]
    arguments += ["--tags", *(f"{key}={value}" for key, value in tags.items())]
    arguments += ["--parameter-overrides", *(f"{key}={_quoted(value)}" for key, value in parameters.items())]
    with _locked(root, fcntl.LOCK_SH):
        packed = _packed(root, stack_name)
        if packed.exists():
            arguments += ["--template-file", str(packed), "--config-file", str(root / "samconfig.toml")]
        _run(arguments, root, _deploying(endpoint_url))
