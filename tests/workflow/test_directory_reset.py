"""Resets of a directory's users, on a real Samba: every path of their states, and what each leaves behind.

What needs no functions is in `test_directory.py`. One person at a time wherever it makes no difference: more
at once would start more of each function.
"""

import json
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from latchkey.domain.claims import item_id, user_key
from local.directory.samba import BASE
from local.driver.directory import LOCKED, MUST_CHANGE, SIGNED_IN, WRONG_PASSWORD, Directory
from local.driver.faults import failing, fault, hangs
from local.driver.product import Link, Product, Run, wait_for
from tests.e2e.leaks import everywhere, leaks
from tools.asl import Transition, own_states, read_definition, taken, transitions

DEFINITION = read_definition(Path(__file__).parents[2] / "statemachines" / "reset.asl.json")
OLD_PASSWORD = "0ld-Passw0rd-of-the-user"
NEW_PASSWORD = "N3w-Passw0rd-of-the-user"
GUESS = "Wrong-Passw0rd-of-a-guesser"
#: `python -m bench.directory_crowd` has fifty of both.
CLAIMS_AT_ONCE = 5
PEOPLE_AT_ONCE = 2

#: The states that accounts of a directory alone come to.
OWN = {"ResetDirectoryPassword", "UnlockDirectoryAccount", "NotifyUnlocked", "Unlocked"}

#: What the executions of this module went through; the last test looks for transitions not taken.
seen: set[Transition] = set()


@pytest.fixture(scope="module")
def directory(product: Product) -> Directory:
    samba = product.cloud.directory
    assert samba is not None, "there is no directory"
    return Directory(samba)


def address(name: str) -> str:
    return f"{name}@corp.example.com"


def start(product: Product, name: str, *, confirm: bool = False) -> str:
    return product.start_reset(f"directory/{name}", confirm=confirm)


def finish(product: Product, arn: str) -> Run:
    run = product.wait_for_end(arn)
    seen.update(taken(run.events, DEFINITION))
    return run


def claim(product: Product, name: str) -> str:
    """Reset a user as an operator may, and return the password that the link shows."""
    arn = start(product, name)
    password: str = product.claim(product.wait_for_link(address(name))).json()["password"]
    assert finish(product, arn).states[-1] == "Claimed"
    return password


def opens_nothing(directory: Directory, name: str, *passwords: str) -> bool:
    """Tell whether none of these passwords is the user's, be it one that has to be changed."""
    return {directory.sign_in(name, password) for password in passwords} == {WRONG_PASSWORD}


def test_a_user_asks_confirms_claims_changes_and_signs_in(product: Product, directory: Directory) -> None:
    """One whose name is as long and as odd as names may be, and whom IAM knows by the same one."""
    name = directory.create_user(
        OLD_PASSWORD,
        sAMAccountName=f"u-{secrets.token_hex(9)}",
        cn='Scully, "Dana" \\ <Ünï> #1;+=',
        displayName="Dana Katherine Scully",
    )
    principal = directory.read(name, "userPrincipalName")["userPrincipalName"][0].decode().partition("@")[0]
    assert directory.sign_in(principal, OLD_PASSWORD) == SIGNED_IN
    mail = address(principal)
    iam = product.client("iam")
    iam.create_user(UserName=name, Tags=[{"Key": "email", "Value": mail}])
    iam.create_login_profile(UserName=name, Password=OLD_PASSWORD)
    began = datetime.now(UTC)
    assert product.request(mail, account="directory").status_code == 202
    product.answer(product.wait_for_question(mail), "yes").raise_for_status()
    link = product.wait_for_link(mail)
    answer = product.claim(link).json()
    password = answer["password"]
    assert (answer["user"], "sign_in_hint" in answer) == (name, True)
    assert product.extract(link).status_code == 410
    assert directory.sign_in(principal, password) == MUST_CHANGE
    assert directory.sign_in(principal, OLD_PASSWORD) == WRONG_PASSWORD
    assert directory.change_password(name, password, NEW_PASSWORD)
    assert directory.sign_in(principal, NEW_PASSWORD) == SIGNED_IN
    assert directory.sign_in(principal, OLD_PASSWORD) == WRONG_PASSWORD
    assert product.wait_for_notice(mail)
    (arn,) = product.execution_arns(f"directory/{mail}")
    assert finish(product, arn).states[-1] == "Claimed"
    assert product.sign_in(name, OLD_PASSWORD) == {"signed_in": True, "password_reset_required": False}
    places = list(everywhere(product, began))
    for secret in (password, directory.samba.password):
        assert leaks(secret, iter(places)) == []
    assert {place for place in leaks(link.rs, iter(places)) if "CONFIDENTIAL" not in place} == set()


def test_an_expired_reset_leaves_nothing_that_opens_the_account(
    product: Product, directory: Directory
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    with product.claims_live(8):
        arn = start(product, name)
        product.wait_for_state(arn, "SendClaimLink")
        password = product.stored_password(f"directory/{name}")
        assert directory.sign_in(name, password) == MUST_CHANGE
        run = finish(product, arn)
    assert run.states[-4:] == ["RevokePassword", "ExpiredOrFailed", "NotifyExpired", "Expired"]
    assert opens_nothing(directory, name, OLD_PASSWORD, password)
    assert product.extract(product.wait_for_link(address(name))).status_code == 410
    assert product.waiting(directory.account(name)) == []


def functions_until_the_claim() -> list[str]:
    """Return the states with a function on the way of a directory's user to a claim, as they are defined."""
    states, name, found = own_states(DEFINITION), "ValidateUser", []
    while name != "WaitForClaim":
        state: dict[str, Any] = states[name]
        if state["Type"] == "Task":
            found.append(name)
        choices = {each["Next"] for each in state.get("Choices", [])}
        directorys = choices & {"ResetDirectoryPassword"}
        name = directorys.pop() if directorys else state.get("Next") or state["Default"]
    return found


UNTIL_THE_CLAIM = functions_until_the_claim()


def test_the_way_to_a_claim_has_these_functions() -> None:
    assert UNTIL_THE_CLAIM == [
        "ValidateUser",
        "GeneratePassword",
        "ResetDirectoryPassword",
        "StorePassword",
        "SendClaimLink",
    ]


@pytest.mark.parametrize("state", UNTIL_THE_CLAIM)
def test_what_crashes_after_its_work_is_undone(product: Product, directory: Directory, state: str) -> None:
    name = directory.create_user(OLD_PASSWORD)
    with product.faults(failing(state, "Runtime.ExitError", late=True)) as hits:
        run = finish(product, start(product, name))
        assert all(hits())
    assert run.status == "FAILED"
    assert f"{state} failed with Runtime.ExitError" in run.cause
    changed = UNTIL_THE_CLAIM.index(state) >= UNTIL_THE_CLAIM.index("ResetDirectoryPassword")
    assert directory.sign_in(name, OLD_PASSWORD) == (WRONG_PASSWORD if changed else SIGNED_IN)
    assert (directory.read(name, "pwdLastSet")["pwdLastSet"] == [b"0"]) is changed
    assert product.waiting(directory.account(name)) == []
    for mail in product.mails(address(name), "CONFIDENTIAL"):
        assert mail["subject"]
        assert product.extract(product.wait_for_link(address(name))).status_code == 410


def test_a_function_that_hangs_changed_nothing(product: Product, directory: Directory) -> None:
    name = directory.create_user(OLD_PASSWORD)
    with product.faults(hangs("ResetDirectoryPassword")):
        run = finish(product, start(product, name))
    assert "ResetDirectoryPassword failed with States.Timeout" in run.cause
    # No controller knows of a change: the old password is left alone.
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN


def test_while_another_reset_changes_the_account_it_waits_and_then_fails(
    product: Product, directory: Directory
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    account = directory.account(name)
    busy = {"execution": {"S": "another"}, "phase": {"S": "resetting"}, "user": {"S": account}}
    key = {"id": {"S": item_id(user_key(account))}}
    product.client("dynamodb").put_item(TableName=product.registry, Item={**key, "current": {"M": busy}})
    run = finish(product, start(product, name))
    assert run.states[-3:] == ["ResetDirectoryPassword", "NotifyFailed", "Failed"]
    assert "ResetInProgressError" in run.cause
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN


def test_a_user_whom_adminsdholder_protects_keeps_the_password(
    product: Product, directory: Directory
) -> None:
    """Though nothing else says so: the directory refuses the change, and those on call are told why."""
    name = directory.create_user(OLD_PASSWORD)
    directory.withhold(name)
    run = finish(product, start(product, name))
    assert "ResetDirectoryPassword failed with DirectoryChangeError" in run.cause
    assert "AdminSDHolder protects the user" in run.cause
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN
    directory.delete(name)


def test_an_undoing_neither_enables_nor_unlocks(product: Product, directory: Directory) -> None:
    """A reset unlocks; *This was not me* takes the password, though it was changed and the user renamed."""
    name = directory.create_user(OLD_PASSWORD)
    renamed = f"r-{secrets.token_hex(6)}"
    with directory.policy(lockoutThreshold=3):
        lock(directory, name)
        password = claim(product, name)
        assert directory.sign_in(name, password) == MUST_CHANGE
        assert directory.change_password(name, password, NEW_PASSWORD)
        directory.rename(name, renamed)
        wait_for("a lock", lambda: directory.sign_in(renamed, GUESS) == LOCKED)
        directory.change(renamed, userAccountControl="514")
        locked_at = directory.read(renamed, "lockoutTime")
        assert product.revoke(product.wait_for_notice(address(name))).status_code == 200
    found = directory.read(renamed, "userAccountControl", "lockoutTime", "pwdLastSet")
    assert found == locked_at | {"userAccountControl": [b"514"], "pwdLastSet": [b"0"]}
    directory.change(renamed, userAccountControl="512", lockoutTime="0")
    assert opens_nothing(directory, renamed, OLD_PASSWORD, password, NEW_PASSWORD)


def test_who_may_not_be_reset_is_rejected_and_nobody_is_told(product: Product, directory: Directory) -> None:
    group = directory.create_group()
    directory.join(group, f"CN=AWS Delegated Administrators,{BASE}")
    wanted: dict[str, dict[str, Any]] = {
        "is disabled": {"userAccountControl": "514"},
        "the group AWS Delegated Administrators": {},
        "several users": {},
    }
    users = {reason: directory.create_user(OLD_PASSWORD, **given) for reason, given in wanted.items()}
    directory.join(directory.distinguished_name(users["the group AWS Delegated Administrators"]), group)
    directory.create_user(OLD_PASSWORD, userPrincipalName=None, mail=users["several users"])
    machine_mails = [f"{secrets.token_hex(6)}@corp.example.com" for _ in range(3)]
    computer, managed, group_managed = machine_mails
    machines = [
        directory.create_machine("computer", mail=computer),
        directory.create_machine("msDS-ManagedServiceAccount", mail=managed),
        directory.create_machine(
            "msDS-GroupManagedServiceAccount", mail=group_managed, **{"msDS-ManagedPasswordInterval": 30}
        ),
    ]
    before = {name: directory.read(name, "pwdLastSet") for name in (*users.values(), *machines)}
    nobody = (*machines, group_managed, f"n-{secrets.token_hex(6)}")
    answers = set()
    refused = {name: reason for reason, name in users.items()} | dict.fromkeys(nobody, "no user of that name")
    for name, reason in refused.items():
        answer = product.request(name, account="directory")
        answers.add((answer.status_code, answer.text))
        (arn,) = product.execution_arns(f"directory/{name}")
        run = finish(product, arn)
        assert run.states == ["ValidateUser", "Rejected"], run.cause
        assert reason in run.description["output"]
    assert answers == {(202, product.request("a", account="directory").text)}
    mailed = {to for mail in product.mails() for to in mail["to"]}
    assert not {address(name) for name in users.values()} & mailed
    assert not set(machine_mails) & mailed
    assert {name: directory.read(name, "pwdLastSet") for name in before} == before


def test_what_became_of_a_user_before_the_yes(product: Product, directory: Directory) -> None:
    """The one who was renamed is still the same; who was disabled, or moved from the bases, is not reset."""
    moved, disabled, name = (directory.create_user(OLD_PASSWORD) for _ in range(3))
    renamed = f"r-{secrets.token_hex(6)}"
    for user, change, because in (
        (moved, partial(directory.move, moved), "no user of that name"),
        (disabled, partial(directory.change, disabled, userAccountControl="514"), "is disabled"),
        (name, partial(directory.rename, name, renamed), ""),
    ):
        arn = start(product, user, confirm=True)
        question = product.wait_for_question(address(user))
        change()
        product.answer(question, "yes").raise_for_status()
        if because:
            run = finish(product, arn)
            assert run.states[-1] == "Rejected"
            assert because in run.description["output"]
    answer = product.claim(product.wait_for_link(address(name))).json()
    assert finish(product, arn).states[-1] == "Claimed"
    assert (answer["user"], directory.sign_in(renamed, answer["password"])) == (renamed, MUST_CHANGE)


def test_a_stricter_policy_of_the_users_own_makes_a_longer_password(
    product: Product, directory: Directory
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    directory.apply_policy(name, 24)
    password = claim(product, name)
    assert len(password) == 24
    assert directory.sign_in(name, password) == MUST_CHANGE


def lock(directory: Directory, name: str) -> None:
    """Let someone try wrong passwords until the account is locked."""
    wait_for("the account to be locked", lambda: directory.sign_in(name, GUESS) == LOCKED)
    assert directory.sign_in(name, OLD_PASSWORD) == LOCKED


def test_a_locked_account_is_unlocked_with_its_password_as_it_was(
    product: Product, directory: Directory
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    with directory.policy(lockoutThreshold=3):
        lock(directory, name)
        before = directory.read(name, "pwdLastSet")
        assert product.request(name, account="directory", wish="unlock").status_code == 202
        question = Link.within(product.wait_for_mail(address(name), "Did you ask to unlock")["text"])
        assert question.page.endswith("/unlock")
        assert product.http.get(question.page).status_code == 200
        assert directory.sign_in(name, OLD_PASSWORD) == LOCKED
        product.answer(question, "yes").raise_for_status()
        assert product.wait_for_mail(address(name), "is unlocked")
        assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN
    (arn,) = product.execution_arns(f"directory/{name}")
    run = finish(product, arn)
    assert run.states[-3:] == ["UnlockDirectoryAccount", "NotifyUnlocked", "Unlocked"]
    assert directory.read(name, "pwdLastSet") == before


@pytest.mark.parametrize(
    ("trouble", "end"),
    [
        (fault("ses", "SendEmail", "MessageRejected"), "Unlocked"),
        (hangs("UnlockDirectoryAccount"), "Failed"),
    ],
    ids=["the notice is refused", "the directory is not asked"],
)
def test_trouble_while_unlocking_changes_nothing(
    product: Product, directory: Directory, trouble: dict[str, Any], end: str
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    started = product.client("stepfunctions").start_execution(
        stateMachineArn=product.stack.outputs["ResetStateMachineArn"],
        input=json.dumps({"user": f"directory/{name}", "unlock": True}),
    )
    # The right to start executions is not enough to leave the question out.
    question = Link.within(product.wait_for_mail(address(name), "Did you ask to unlock")["text"])
    with product.faults(trouble):
        product.answer(question, "yes").raise_for_status()
        run = finish(product, started["executionArn"])
    assert run.states[-1] == end
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN


def test_at_once_each_person_gets_one_link_that_works_and_one_claim_wins(
    product: Product, directory: Directory
) -> None:
    """Two resets of one person and one of another, then several claims of each link."""
    names = [directory.create_user(OLD_PASSWORD) for _ in range(PEOPLE_AT_ONCE)]
    with ThreadPoolExecutor(CLAIMS_AT_ONCE) as crowd:
        arns = list(crowd.map(lambda name: start(product, name), [names[0], *names]))
        links = [product.wait_for_link(address(names[0]), number) for number in (1, 2)]
        links.append(product.wait_for_link(address(names[1])))
        # The first of the two is superseded, or becomes so while the second changes the account.
        answers = [list(crowd.map(product.claim, [link] * CLAIMS_AT_ONCE)) for link in links]
    codes = [Counter(answer.status_code for answer in each) for each in answers]
    won, lost = Counter({200: 1, 410: CLAIMS_AT_ONCE - 1}), Counter({410: CLAIMS_AT_ONCE})
    assert sorted(codes[:2], key=len) == [lost, won]
    assert codes[2] == won
    assert Counter(finish(product, arn).states[-1] for arn in arns) == {"Claimed": 2, "Superseded": 1}
    shown = [answer.json() for each in answers for answer in each if answer.status_code == 200]
    assert {answer["user"] for answer in shown} == set(names)
    assert {directory.sign_in(each["user"], each["password"]) for each in shown} == {MUST_CHANGE}


def test_every_transition_of_the_directorys_own_was_taken() -> None:
    """Runs last, as `test_reset.py` does for all others."""
    own = {each for each in transitions(DEFINITION) if OWN & {each.source, each.target}}
    assert own - seen == set()
