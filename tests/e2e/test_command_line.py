"""`latchkey` as an operator types it, on the deployed product."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import follow
from cli.__main__ import main
from latchkey.domain.claims import user_key
from latchkey.version import VERSION
from local.cloud import LocalCloud
from local.driver.product import Product
from local.driver.rotation import Rotation
from tests.conftest import WAIT_SCALE
from tests.e2e.probe import DENIED, Probe
from tests.e2e.test_permissions import calls

ROOT = Path(__file__).parents[2]
OLD_PASSWORD = "0ld-Password-of-the-user"
ADMINISTRATOR = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

type Latchkey = Callable[..., Result]


@pytest.fixture
def latchkey(product: Product, on_call: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Latchkey:
    """Return what runs a command as a person on call, who has the operators' policy and nothing else."""
    return commands_on(product, monkeypatch, on_call)


@pytest.fixture(scope="module")
def on_call(product: Product) -> Mapping[str, str]:
    """Return the credentials of a role that has the operators' policy alone."""
    iam, name = product.client("iam"), f"on-call-{secrets.token_hex(4)}"
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=product.stack.outputs["OperatorsPolicyArn"])
    given = product.client("sts").assume_role(RoleArn=role, RoleSessionName="on-call")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def commands_on(
    product: Product, monkeypatch: pytest.MonkeyPatch, credentials: Mapping[str, str] = ADMINISTRATOR
) -> Latchkey:
    """Return what runs a command on the stack, as an administrator unless other credentials are given."""
    monkeypatch.setattr(follow, "_PAUSE_SECONDS", 0.1)
    environment = {
        "AWS_ENDPOINT_URL": product.stack.endpoint_url,
        # The unit tests, which may share this process, let no client leave it.
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        **credentials,
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
    product.wait_until_claimable(user)
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


def test_leaked_credentials_end_at_once_and_new_ones_are_current(
    product: Product, latchkey: Latchkey
) -> None:
    rotation = Rotation(product)
    leaked = rotation.credentials()
    assert rotation.logs_in(leaked)
    assert answer(latchkey("rotate", "--leaked", "--yes", "--json"))["status"] == "SUCCEEDED"
    assert not rotation.logs_in(leaked)
    assert rotation.logs_in(rotation.credentials())


def test_a_check_reads_all_that_it_needs_with_the_operators_policy(latchkey: Latchkey) -> None:
    # Other tests leave alarms and odd users behind, which are found; what could not be read is NotChecked.
    findings = json.loads(latchkey("check", "--json").output)["findings"]
    assert [each["sentence"] for each in findings if each["name"] == "NotChecked"] == []


def test_the_reminders_are_tried_on_one_user(latchkey: Latchkey) -> None:
    output = answer(latchkey("remind", "--json", "--user", "due7"))["output"]
    assert [each["user"] for each in output["answers"]] == ["due7"]


#: What of the product's own calls the operators' policy allows.
FOR_OPERATORS = {
    "read a user",
    "list the users",
    "simulate a user's policies",
    "simulate a role's policies",
    "read the password policy",
    "ask for the credential report",
    "read the credential report",
    "read the send quota",
    "see whether an identity is verified",
    "see whether an address is suppressed",
    "move a user's reset",
    "close a user's window",
    "read a user's reset",
    "look for what is due",
    "list resets",
    "look at a reset",
    "stop a reset",
    "read a reset's history",
    "start a reset",
    "list rotations",
    "start a rotation",
    "start the reminders",
    "list the SMTP secret's versions",
}


def test_a_person_on_call_is_refused_every_other_call(product: Product, on_call: Mapping[str, str]) -> None:
    with closing(Probe(product.stack)) as probe:
        answers = probe.answers(on_call, calls(product))
    passed = {name: answer for name, answer in answers.items() if answer not in DENIED}
    assert passed.keys() == FOR_OPERATORS, {name: passed[name] for name in passed.keys() - FOR_OPERATORS}


def test_it_installs_as_a_tool_and_answers(
    product: Product, on_call: Mapping[str, str], tmp_path: Path
) -> None:
    uv = Path(sys.executable).with_name("uv")
    environment = {
        **os.environ,
        **on_call,
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
        "AWS_ENDPOINT_URL": product.stack.endpoint_url,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_REGION": product.stack.region,
    }
    # Without the checkout's own modules on its path.
    environment.pop("PYTHONPATH", None)

    def run(*command: str | Path) -> str:
        return subprocess.run(  # noqa: S603  # our own command, and no shell
            command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    run(uv, "tool", "install", "--quiet", "--python", sys.executable, ROOT)
    latchkey = tmp_path / "bin" / "latchkey"
    assert run(latchkey, "--version").strip() == VERSION
    assert isinstance(json.loads(run(latchkey, "list", "--json", "--stack", product.stack.stack_name)), list)


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
