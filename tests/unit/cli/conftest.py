"""An account for the command line, and how to call a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient
from click.testing import CliRunner

from cli import options
from cli.__main__ import main
from tests.unit.cli.account import NOW, SESSION, Account

if TYPE_CHECKING:
    from click.testing import Result


class Latchkey:
    """The command line, without a terminal."""

    def __call__(self, *words: str, input: str | None = None, **environment: str | None) -> Result:  # noqa: A002  # as Click has it
        """Run a command."""
        return CliRunner().invoke(main, words, input=input, env=environment)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """Return a healthy account that answers all of boto3's clients."""
    account = Account()

    def call(client: BaseClient, operation: str, asked: dict[str, Any]) -> object:
        return account.answer(client, operation, asked)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return account


@pytest.fixture
def latchkey(account: Account, monkeypatch: pytest.MonkeyPatch) -> Latchkey:
    """Return what runs a command on the account."""
    assert account
    monkeypatch.setattr(options, "open_session", lambda *_options: SESSION)
    monkeypatch.setattr(options, "now", lambda: NOW)
    return Latchkey()
