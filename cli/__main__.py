"""`latchkey`: the commands, and how they end.

Exit codes: 0, done; 1, something is wrong, as the answer says; 2, a wrong option; 3, AWS refuses to answer.
"""

from __future__ import annotations

from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from cli.ask import ask
from cli.check import check
from cli.list import list_executions
from cli.remind import remind
from cli.revoke import revoke
from cli.rotate import rotate
from cli.show import show
from latchkey.version import VERSION


class AwsError(click.ClickException):
    """When AWS refuses a call or does not answer; the message is AWS's."""

    exit_code = 3


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # as Click has it
        """Run a command; an error of AWS is a sentence and an exit code, no traceback."""
        try:
            return super().invoke(ctx)
        except (BotoCoreError, ClientError) as error:
            raise AwsError(str(error)) from error


def _say_version(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:  # noqa: FBT001  # Click's
    if asked:
        click.echo(VERSION)
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_say_version,
    help="Say which version this is.",
)
def main() -> None:
    """Inspect and operate a stack of Latchkey.

    The stack is --stack or LATCHKEY_STACK; credentials are those of the AWS CLI.
    """


for _command in (check, list_executions, show, ask, revoke, rotate, remind):
    main.add_command(_command)

if __name__ == "__main__":
    main(prog_name="latchkey")
