"""An account for the command line, and how to call a command."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.client import BaseClient

from tests.unit.cli.account import Account


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """Return a healthy account that answers all of boto3's clients."""
    account = Account()

    def call(client: BaseClient, operation: str, asked: dict[str, Any]) -> object:
        return account.answer(client, operation, asked)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return account
