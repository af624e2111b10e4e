"""The recipes of docs/operations.md that do harm when they are wrong, pasted into an interactive shell."""

import os
import re
import ssl
import subprocess
from pathlib import Path

import pytest

from cli.check import KINDS
from latchkey.domain.claims import item_id, user_key
from tools.commands import Block, command_blocks

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"

#: Stands in for the AWS CLI: says on standard error how it was called, one argument a line.
AWS = """#!/bin/sh
for word; do
  # As the AWS CLI reads what a parameter names.
  [ "$word" = file:///dev/stdin ] && word=$(cat)
  printf '%s\\n' "$word" >&2
done
case $2 in describe-stack-resource) echo the-registry;; esac
"""


def block_below(heading: str) -> Block:
    """Return the one block of commands below a heading."""
    (block,) = [block for block in command_blocks(OPERATIONS) if block.heading == heading]
    return block


def paste(commands: str, tmp_path: Path) -> str:
    """Paste commands into an interactive bash, and return what it and the AWS CLI said."""
    aws = tmp_path / "aws"
    aws.write_text(AWS)
    aws.chmod(0o755)
    shell = subprocess.run(
        ["bash", "--noprofile", "--norc", "-i"],  # noqa: S607  # the operator's own
        input=commands,
        capture_output=True,
        text=True,
        check=True,
        # In a session of its own, without the terminal that runs the tests.
        start_new_session=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HISTFILE": ""},
    )
    return shell.stdout + shell.stderr


def revoked_by_hand(user: str, tmp_path: Path) -> str:
    recipe = block_below("Operations").text + block_below("Revoke by hand").text
    return paste(recipe.replace("USER_NAME=alice@example.com", f"USER_NAME={user}"), tmp_path)


def test_revoking_by_hand_sets_an_unknown_password(tmp_path: Path) -> None:
    said = revoked_by_hand("alice@example.com", tmp_path) + revoked_by_hand("alice@example.com", tmp_path)
    passwords = re.findall(r"--password\n(.*)\n", said)
    assert len(set(passwords)) == 2
    # A list of processes shows arguments.
    assert "--password file:///dev/stdin" in block_below("Revoke by hand").text
    assert all(re.fullmatch(r"Aa0![A-Za-z0-9]{40,}", password) for password in passwords), passwords


@pytest.mark.parametrize("user", ["alice@example.com", "Carol@Example.com"])
def test_revoking_by_hand_takes_the_account_from_whatever_reset_has_it(user: str, tmp_path: Path) -> None:
    said = revoked_by_hand(user, tmp_path)
    key = f'{{"id": {{"S": "{item_id(user_key(user))}"}}}}'
    assert f"delete-item\n--table-name\nthe-registry\n--key\n{key}\n" in said


def test_a_directorys_certificate_is_tried_as_strictly_as_the_function_does() -> None:
    (command,) = re.findall(r"`(openssl s_client [^`]*)`", OPERATIONS.read_text("utf-8"))
    strict = ssl.create_default_context().verify_flags & ssl.VerifyFlags.VERIFY_X509_STRICT
    assert ("-x509_strict" in command) is bool(strict)
    assert "-verify_hostname" in command


#: Sections in which a person on call looks for a cause.
CAUSES = [
    "ResetFailedAlarm",
    "SES refuses mails",
    "A call is denied",
    "No password satisfies the policy",
    "The key is disabled or pending deletion",
    "ApiErrorAlarm",
    "OrphansFoundAlarm",
    "CleanupFailedAlarm",
    "RotationFailedAlarm",
    "RemindersFailedAlarm",
    "RemindersMissedAlarm",
    "Someone got no mail",
]


@pytest.mark.parametrize("heading", CAUSES)
def test_two_commands_at_most_lead_to_the_cause(heading: str) -> None:
    first = next(block for block in command_blocks(OPERATIONS) if block.heading == heading)
    commands = re.sub(r"(\\|\|)\n", " ", first.text).strip().splitlines()
    assert 1 <= len(commands) <= 2, commands


def test_each_finding_that_a_section_names_is_one() -> None:
    text = OPERATIONS.read_text("utf-8")
    named = set(re.findall(r"\(`(\w+)`, says `latchkey check`\)|finds `(\w+)`|\(`(Key\w+)`\)", text))
    names = {name for each in named for name in each if name}
    assert {"ScheduleDisabled", "SmtpSecretGone", "KeyUnusable"} <= names <= KINDS.keys()


def test_no_recipe_gives_a_live_stack_an_input_made_for_the_tests() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for block in command_blocks(document):
            assert "events/" not in block.text.replace("/aws/events/", ""), f"{document.name}:{block.line}"


def test_the_table_at_its_head_leads_to_every_section() -> None:
    head, *sections = OPERATIONS.read_text("utf-8").split("\n## ")
    titles = [section.partition("\n")[0] for section in sections]
    assert sorted(re.findall(r"\[([^]]+)\]\(#", head)) == sorted(titles)
