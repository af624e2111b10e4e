"""The deployed stack that a command works on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING

import click

from cli import options
from cli.readers.stack import find_stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from boto3 import Session
    from mypy_boto3_stepfunctions import SFNClient

    from cli.scope import Stack


@dataclass(frozen=True, slots=True)
class Target:
    """A deployed stack, and how the operator wants to be answered."""

    session: Session
    stack: Stack
    as_json: bool

    @property
    def sfn(self) -> SFNClient:
        """Return a client of Step Functions."""
        return self.session.client("stepfunctions")


def on_stack(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the common options, and call it with the stack they name.

    It raises click.UsageError where they name none, and click.ClickException where there is no such stack.
    """

    @options.common_options
    @wraps(command)
    def call(  # an option each
        *,
        stack: str | None,
        profile: str | None,
        region: str | None,
        endpoint_url: str | None,
        as_json: bool,
        **others: object,
    ) -> None:
        if not stack:
            raise click.UsageError("Say which stack: --stack or LATCHKEY_STACK.")
        session = options.open_session(profile, region, endpoint_url)
        found = find_stack(session.client("cloudformation"), stack)
        if found is None:
            raise click.ClickException(f"There is no stack {stack} in {session.region_name}.")
        command(Target(session, found, as_json), **others)

    return call
