"""`latchkey` as an operator types it, on the deployed product."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import follow
from cli.__main__ import main
from latchkey.domain.claims import user_key
from local.cloud import LocalCloud
from local.driver.product import Product, wait_for
from tests.conftest import WAIT_SCALE

OLD_PASSWORD = "0ld-Password-of-the-user"

type Latchkey = Callable[..., Result]


@pytest.fixture
def latchkey(product: Product, monkeypatch: pytest.MonkeyPatch) -> Latchkey:
    return commands_on(product, monkeypatch)


def commands_on(product: Product, monkeypatch: pytest.MonkeyPatch) -> Latchkey:
    """Return what runs a command on the stack, with an administrator's credentials."""
    monkeypatch.setattr(follow, "_PAUSE_SECONDS", 0.1)
    environment = {
        "AWS_ENDPOINT_URL": product.stack.endpoint_url,
        # The unit tests, which may share this process, let no client leave it.
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": product.stack.region,
        "LATCHKEY_STACK": product.stack.stack_name,
    }
    return lambda *words: CliRunner().invoke(main, words, env=environment)


def answer(result: Result) -> Any:  # noqa: ANN401  # whatever JSON holds
    """Return what a command that went well answers with `--json`."""
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def waiting(product: Product) -> tuple[str, str]:
    """Return a user, and the name of the user's reset, which waits for its link to be opened."""
    user = product.create_user(OLD_PASSWORD)
    arn = product.start_reset(user)
    product.wait_for_link(user)
    wait_for("the reset to wait", lambda: product.phase(user) == "waiting")
    return user, arn.rpartition(":")[2]


def test_a_reset_that_is_asked_for_brings_the_user_a_link_that_works(
    product: Product, latchkey: Latchkey
) -> None:
    user = product.create_user(OLD_PASSWORD)
    started = answer(latchkey("ask", "--json", user))["execution"].rpartition(":")[2]
    assert started.startswith(user_key(user))
    password = product.claim(product.wait_for_link(user)).json()["password"]
    assert product.sign_in(user, password)["signed_in"]


def test_a_reset_under_way_is_listed_with_the_state_that_it_is_in(
    product: Product, latchkey: Latchkey
) -> None:
    user, execution = waiting(product)
    (row,) = [row for row in answer(latchkey("list", "--json")) if row["execution"] == execution]
    assert (row["machine"], row["user"], row["state"]) == ("reset", user, "WaitForClaim")


def test_a_reset_is_shown_by_user_and_by_execution_alike(product: Product, latchkey: Latchkey) -> None:
    user, execution = waiting(product)
    shown = [answer(latchkey("show", "--json", what)) for what in (user, execution)]
    assert shown[0] == shown[1]
    assert [state["state"] for state in shown[0]["states"]][-2:] == ["SendClaimLink", "WaitForClaim"]
    assert {line["function"] for line in shown[0]["log"]} >= {"ResetIamPassword", "StorePassword"}


def test_a_reset_that_is_revoked_is_undone_at_once(product: Product, latchkey: Latchkey) -> None:
    user, execution = waiting(product)
    link = product.wait_for_link(user)
    (parameter,) = product.passwords(user)
    password = product.client("ssm").get_parameter(Name=parameter, WithDecryption=True)["Parameter"]["Value"]
    assert answer(latchkey("revoke", "--yes", "--json", user))["undone"], execution
    assert product.extract(link).status_code == 410
    assert [product.sign_in(user, each)["signed_in"] for each in (OLD_PASSWORD, password)] == [False, False]
    assert product.waiting(user) == []


def test_a_check_of_a_fresh_stack_names_only_what_this_cloud_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A cloud of its own: in a shared one, other tests leave alarms, failed resets and odd users behind.
    with LocalCloud(tmp_path, wait_scale=WAIT_SCALE, resets_only=True) as cloud:
        cloud.deploy()
        with closing(Product(cloud)) as product:
            checked = commands_on(product, monkeypatch)("check", "--json")
    names = {finding["name"] for finding in json.loads(checked.output)["findings"]}
    assert names == {"PasswordsNeverExpire"}, checked.output
