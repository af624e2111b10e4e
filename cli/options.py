"""The options that every command takes, and what they mean to boto3."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from boto3 import Session

_OPTIONS = (
    click.option("--stack", envvar="LATCHKEY_STACK", show_envvar=True, metavar="NAME", help="The stack."),
    click.option("--profile", metavar="NAME", help="Profile of the AWS CLI; else AWS_PROFILE."),
    click.option("--region", metavar="NAME", help="AWS region; else AWS_REGION or the profile's."),
    click.option(
        "--endpoint-url", metavar="URL", help="Where AWS is, as for the local cloud; else AWS_ENDPOINT_URL."
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs."),
)


def common_options[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Let a command take --stack, --profile, --region, --endpoint-url and --json."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def open_session(profile: str | None, region: str | None, endpoint_url: str | None) -> Session:
    """Take credentials and region as the AWS CLI does."""
    # boto3 takes half a second to import, and --help and completion need none of it.
    from boto3 import Session  # noqa: PLC0415

    if endpoint_url:
        os.environ["AWS_ENDPOINT_URL"] = endpoint_url
    return Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION"))
