"""Resets of a directory's users, on a real Samba: every path of their states, and what each leaves behind."""

import contextlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ldap3 import MODIFY_ADD, MODIFY_REPLACE

from latchkey.domain.claims import user_key
from local.directory.samba import BASE, RESET_ACCOUNT, RIGHTS, USERS_BASE
from local.driver.directory import DISABLED, LOCKED, MUST_CHANGE, SIGNED_IN, WRONG_PASSWORD, Directory
from local.driver.product import Link, Product, Run, wait_for
from local.driver.reminders import Reminders
from tests.e2e.leaks import everywhere, leaks
from tools.asl import Transition, own_states, read_definition, taken, transitions
from tools.check_delegation import findings, read

DEFINITION = read_definition(Path(__file__).parents[2] / "statemachines" / "reset.asl.json")
OLD_PASSWORD = "0ld-Passw0rd-of-the-user"
NEW_PASSWORD = "N3w-Passw0rd-of-the-user"
CLAIMS_AT_ONCE = 50
PEOPLE_AT_ONCE = 8

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
    run = product.wait_for_end(arn, seconds=120)
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
    name = directory.create_user(OLD_PASSWORD, displayName="Dana Katherine Scully")
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN
    mail = address(name)
    assert product.request(mail, account="directory").status_code == 202
    product.answer(product.wait_for_question(mail), "yes").raise_for_status()
    link = product.wait_for_link(mail)
    answer = product.claim(link).json()
    password = answer["password"]
    assert (answer["user"], "sign_in_hint" in answer) == (name, True)
    assert product.extract(link).status_code == 410
    assert directory.sign_in(name, password) == MUST_CHANGE
    assert directory.sign_in(name, OLD_PASSWORD) == WRONG_PASSWORD
    assert directory.change_password(name, password, NEW_PASSWORD)
    assert directory.sign_in(name, NEW_PASSWORD) == SIGNED_IN
    assert directory.sign_in(name, OLD_PASSWORD) == WRONG_PASSWORD
    assert product.wait_for_notice(mail)
    (arn,) = product.execution_arns(f"directory/{mail}")
    assert finish(product, arn).states[-1] == "Claimed"
    places = list(everywhere(product))
    for secret in (password, directory.samba.password):
        assert leaks(secret, iter(places)) == []
    assert {place for place in leaks(link.rs, iter(places)) if "CONFIDENTIAL" not in place} == set()


def test_an_iam_user_of_the_same_name_is_not_touched(product: Product, directory: Directory) -> None:
    name = product.create_user(OLD_PASSWORD).partition("@")[0][:20]
    iam = product.client("iam")
    iam.create_user(UserName=name, Tags=[{"Key": "email", "Value": address(name)}])
    iam.create_login_profile(UserName=name, Password=OLD_PASSWORD)
    directory.create_user(
        OLD_PASSWORD, sAMAccountName=name, mail=address(name), userPrincipalName=address(name)
    )
    password = claim(product, name)
    assert product.sign_in(name, OLD_PASSWORD) == {"signed_in": True, "password_reset_required": False}
    assert directory.sign_in(name, password) == MUST_CHANGE


def test_an_expired_reset_leaves_nothing_that_opens_the_account(
    product: Product, directory: Directory
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    with product.claims_live(4):
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
    crash = {"service": "lambda", "action": "Invoke", "error": "Runtime.ExitError", "times": None}
    with product.faults({**crash, "match": f"{state}Function", "late": True}) as hits:
        run = finish(product, start(product, name))
        assert all(hits())
    assert run.status == "FAILED"
    assert f"{state} failed with Runtime.ExitError" in run.cause
    changed = UNTIL_THE_CLAIM.index(state) >= UNTIL_THE_CLAIM.index("ResetDirectoryPassword")
    assert directory.sign_in(name, OLD_PASSWORD) == (WRONG_PASSWORD if changed else SIGNED_IN)
    assert [int(each) for each in directory.read(name, "pwdLastSet")["pwdLastSet"]] == [
        0
    ] * changed or not changed
    assert product.waiting(directory.account(name)) == []
    for mail in product.mails(address(name), "CONFIDENTIAL"):
        assert mail["subject"]
        assert product.extract(product.wait_for_link(address(name))).status_code == 410


def test_a_function_that_hangs_is_undone(product: Product, directory: Directory) -> None:
    name = directory.create_user(OLD_PASSWORD)
    hangs = {"service": "lambda", "action": "Invoke", "error": "States.Timeout", "times": None}
    with product.faults({**hangs, "match": "ResetDirectoryPasswordFunction"}):
        run = finish(product, start(product, name))
    assert "ResetDirectoryPassword failed with States.Timeout" in run.cause
    # It was never asked, and no controller knows of a change: the old password is left alone.
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN


def test_while_another_reset_changes_the_account_it_waits_and_then_fails(
    product: Product, directory: Directory
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    account = directory.account(name)
    busy = {"execution": {"S": "another"}, "phase": {"S": "resetting"}, "user": {"S": account}}
    key = {"id": {"S": f"user#{user_key(account)}"}}
    product.client("dynamodb").put_item(TableName=product.registry, Item={**key, "current": {"M": busy}})
    run = finish(product, start(product, name))
    assert run.states[-3:] == ["ResetDirectoryPassword", "NotifyFailed", "Failed"]
    assert "ResetInProgressError" in run.cause
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN


def test_a_claim_that_was_not_the_users_own_is_revoked_though_changed_and_renamed(
    product: Product, directory: Directory
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    password = claim(product, name)
    assert directory.change_password(name, password, NEW_PASSWORD)
    renamed = f"r-{secrets.token_hex(6)}"
    directory.rename(name, renamed)
    assert product.revoke(product.wait_for_notice(address(name))).status_code == 200
    assert directory.sign_in(renamed, NEW_PASSWORD) == WRONG_PASSWORD
    assert opens_nothing(directory, renamed, OLD_PASSWORD, password, NEW_PASSWORD)


def test_an_undoing_neither_enables_nor_unlocks(product: Product, directory: Directory) -> None:
    name = directory.create_user(OLD_PASSWORD)
    password = claim(product, name)
    directory.change(name, userAccountControl="514")
    assert product.revoke(product.wait_for_notice(address(name))).status_code == 200
    assert directory.sign_in(name, password) in {DISABLED, WRONG_PASSWORD}
    directory.change(name, userAccountControl="512")
    assert opens_nothing(directory, name, OLD_PASSWORD, password)


def ticks(moment: datetime) -> str:
    return str(int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000)


def test_who_may_not_be_reset_is_rejected_and_nobody_is_told(product: Product, directory: Directory) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    group, inner = directory.create_group(), directory.create_group()
    directory.join(inner, group)
    wanted: dict[str, dict[str, Any]] = {
        "is disabled": {"userAccountControl": "514"},
        "has expired": {"accountExpires": ticks(yesterday)},
        "smart card": {"userAccountControl": str(0x40200)},
        "never expires": {"userAccountControl": str(0x10200)},
        "adminCount": {"adminCount": "1"},
        "no mail address": {"mail": None},
        "the group": {},
        "no user of that name": {},
        "several users": {},
    }
    users = {reason: directory.create_user(OLD_PASSWORD, **given) for reason, given in wanted.items()}
    directory.join(directory.distinguished_name(users["the group"]), inner)
    directory.move(users["no user of that name"])
    directory.create_user(OLD_PASSWORD, userPrincipalName=None, mail=users["several users"])
    group_name = group.partition(",")[0].removeprefix("CN=")
    reminders = Reminders(product)
    with reminders.variables("FindDirectoryUser", DIRECTORY_PROTECTED_GROUPS=f"Domain Admins;{group_name}"):
        arns = {reason: start(product, name) for reason, name in users.items()}
        arns |= {f"{name!r}": start(product, name) for name in ("*", "nobody", "Administrator", "latchkey")}
        runs = {reason: finish(product, arn) for reason, arn in arns.items()}
    for reason, run in runs.items():
        assert run.states == ["ValidateUser", "Rejected"], run.cause
        assert reason in run.description["output"] or "no user of that name" in run.description["output"]
    for name in users.values():
        assert product.mails(address(name)) == []
    # A user who has to sign in by smart card has no password that anyone knows.
    del users["smart card"]
    for name in users.values():
        assert directory.sign_in(name, OLD_PASSWORD) != WRONG_PASSWORD


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (lambda directory, name: directory.change(name, userAccountControl="514"), "is disabled"),
        (lambda directory, name: directory.move(name), "no user of that name"),
    ],
    ids=["disabled", "moved"],
)
def test_a_user_who_changed_before_the_yes_is_not_reset(
    product: Product,
    directory: Directory,
    change: Callable[[Directory, str], None],
    because: str,
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    arn = start(product, name, confirm=True)
    question = product.wait_for_question(address(name))
    change(directory, name)
    product.answer(question, "yes").raise_for_status()
    run = finish(product, arn)
    assert run.states[-1] == "Rejected"
    assert because in run.description["output"]


def test_a_user_who_was_renamed_before_the_yes_is_reset(product: Product, directory: Directory) -> None:
    name = directory.create_user(OLD_PASSWORD)
    arn = start(product, name, confirm=True)
    question = product.wait_for_question(address(name))
    renamed = f"r-{secrets.token_hex(6)}"
    directory.rename(name, renamed)
    product.answer(question, "yes").raise_for_status()
    answer = product.claim(product.wait_for_link(address(name))).json()
    assert finish(product, arn).states[-1] == "Claimed"
    assert (answer["user"], directory.sign_in(renamed, answer["password"])) == (renamed, MUST_CHANGE)


@pytest.mark.parametrize(
    ("name", "common_name"),
    [
        ("o'brien 20 letters x", 'O\'Brien, "Zoë" \\ <Ünï> #1;+='),
        ("zoë.müller", "c" * 64),
    ],
)
def test_any_name_of_a_person_is_reset(
    product: Product, directory: Directory, name: str, common_name: str
) -> None:
    mail = f"{secrets.token_hex(6)}@corp.example.com"
    directory.create_user(
        OLD_PASSWORD, sAMAccountName=name, mail=mail, userPrincipalName=mail, cn=common_name
    )
    arn = start(product, name)
    answer = product.claim(product.wait_for_link(mail)).json()
    assert finish(product, arn).states[-1] == "Claimed"
    assert answer["user"] == name
    assert directory.sign_in(mail.partition("@")[0], answer["password"]) == MUST_CHANGE
    directory.delete(name)


def test_a_stricter_policy_makes_a_longer_password(product: Product, directory: Directory) -> None:
    name = directory.create_user(OLD_PASSWORD)
    with directory.policy(minPwdLength=64):
        password = claim(product, name)
    assert len(password) == 64
    assert directory.sign_in(name, password) == MUST_CHANGE


def lock(directory: Directory, name: str) -> None:
    """Let someone try wrong passwords until the account is locked."""
    wait_for(
        "the account to be locked", lambda: directory.sign_in(name, "Wrong-Passw0rd-of-a-guesser") == LOCKED
    )
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


def test_a_reset_unlocks_too_and_its_undoing_does_not(product: Product, directory: Directory) -> None:
    name = directory.create_user(OLD_PASSWORD)
    with directory.policy(lockoutThreshold=3):
        lock(directory, name)
        password = claim(product, name)
        assert directory.sign_in(name, password) == MUST_CHANGE
        lock_again = directory.create_user(OLD_PASSWORD)
        claim(product, lock_again)
        wait_for("a lock", lambda: directory.sign_in(lock_again, "Wrong-Passw0rd-of-a-guesser") == LOCKED)
        assert product.revoke(product.wait_for_notice(address(lock_again))).status_code == 200
        assert directory.sign_in(lock_again, OLD_PASSWORD) == LOCKED


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ({"service": "ses", "action": "SendEmail", "error": "MessageRejected"}, "Unlocked"),
        (
            {"service": "lambda", "action": "Invoke", "error": "States.Timeout", "match": "UnlockDirectory"},
            "Failed",
        ),
    ],
    ids=["the notice is refused", "the directory is not asked"],
)
def test_trouble_while_unlocking_changes_nothing(
    product: Product, directory: Directory, fault: dict[str, Any], end: str
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    started = product.client("stepfunctions").start_execution(
        stateMachineArn=product.stack.outputs["ResetStateMachineArn"],
        input=json.dumps({"user": f"directory/{name}", "unlock": True}),
    )
    # The right to start executions is not enough to leave the question out.
    question = Link.within(product.wait_for_mail(address(name), "Did you ask to unlock")["text"])
    with product.faults({**fault, "times": None}):
        product.answer(question, "yes").raise_for_status()
        run = finish(product, started["executionArn"])
    assert run.states[-1] == end
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN


def test_of_two_resets_at_once_one_link_works(product: Product, directory: Directory) -> None:
    name = directory.create_user(OLD_PASSWORD)
    with ThreadPoolExecutor(2) as both:
        arns = list(both.map(lambda _: start(product, name), range(2)))
    links = [product.wait_for_link(address(name), number) for number in (1, 2)]
    answers = [product.claim(link) for link in links]
    assert Counter(answer.status_code for answer in answers) == {200: 1, 410: 1}
    (password,) = (answer.json()["password"] for answer in answers if answer.status_code == 200)
    assert Counter(finish(product, arn).states[-1] for arn in arns) == {"Claimed": 1, "Superseded": 1}
    assert directory.sign_in(name, password) == MUST_CHANGE


def test_many_people_at_once_and_many_claims_of_one(product: Product, directory: Directory) -> None:
    names = [directory.create_user(OLD_PASSWORD) for _ in range(PEOPLE_AT_ONCE)]
    with ThreadPoolExecutor(CLAIMS_AT_ONCE) as crowd:
        arns = list(crowd.map(lambda name: start(product, name), names))
        links = list(crowd.map(lambda name: product.wait_for_link(address(name)), names))
        product.wait_for_state(arns[0], "WaitForClaim")
        one = list(crowd.map(lambda _: product.claim(links[0]), range(CLAIMS_AT_ONCE)))
        assert Counter(answer.status_code for answer in one) == {200: 1, 410: CLAIMS_AT_ONCE - 1}
        others = list(crowd.map(product.claim, links[1:]))
    (first,) = (answer.json()["password"] for answer in one if answer.status_code == 200)
    passwords = [first, *(answer.json()["password"] for answer in others)]
    assert {finish(product, arn).states[-1] for arn in arns} == {"Claimed"}
    assert {directory.sign_in(*each) for each in zip(names, passwords, strict=True)} == {MUST_CHANGE}


def test_a_controller_that_is_down_is_passed_over(product: Product, directory: Directory) -> None:
    name = directory.create_user(OLD_PASSWORD)
    reminders = Reminders(product)
    hosts = f"localhost:1,{directory.samba.host}"
    with contextlib.ExitStack() as functions:
        for each in ("FindDirectoryUser", "SetDirectoryPassword", "RevokeDirectoryPassword"):
            functions.enter_context(reminders.variables(each, DIRECTORY_HOSTS=hosts))
        password = claim(product, name)
        assert directory.sign_in(name, password) == MUST_CHANGE
        assert product.revoke(product.wait_for_notice(address(name))).status_code == 200
    assert opens_nothing(directory, name, password)


@pytest.fixture
def delegation(directory: Directory) -> Iterator[Callable[[Iterable[str]], None]]:
    """Return what delegates other rights than all of them, for one test."""
    yield directory.samba.delegate
    directory.samba.delegate(RIGHTS)


def lacking(directory: Directory) -> list[str]:
    """Return what the check of the delegation misses; it also names users to whom a test gave adminCount."""
    with directory.signed_in(RESET_ACCOUNT) as connection:
        return [each for each in findings(*read(connection, [USERS_BASE])) if "lacks" in each]


@pytest.mark.parametrize("missing", RIGHTS)
def test_each_right_is_needed_and_without_it_nothing_is_changed(
    product: Product,
    directory: Directory,
    delegation: Callable[[Iterable[str]], None],
    missing: str,
) -> None:
    name = directory.create_user(OLD_PASSWORD)
    assert lacking(directory) == []
    delegation(set(RIGHTS) - {missing})
    (found,) = lacking(directory)
    assert {"Reset password": "reset the password"}.get(missing, f"write {missing}") in found
    run = finish(product, start(product, name))
    assert "ResetDirectoryPassword failed with DirectoryChangeError" in run.cause
    assert "a right is not delegated" in run.cause
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN


def test_the_delegated_account_may_write_nothing_else(directory: Directory) -> None:
    name, elsewhere = directory.create_user(OLD_PASSWORD), directory.create_user(OLD_PASSWORD)
    directory.move(elsewhere)
    administrator = f"CN=Administrator,CN=Users,{BASE}"
    user, moved = directory.distinguished_name(name), directory.distinguished_name(elsewhere)
    password = {"unicodePwd": [(MODIFY_REPLACE, ['"Aa0!aaaaaaaaaaaa"'.encode("utf-16-le")])]}
    refused = {}
    with directory.signed_in(RESET_ACCOUNT) as connection:
        for what, target, changes in (
            ("another attribute", user, {"displayName": [(MODIFY_REPLACE, ["x"])]}),
            ("its mail", user, {"mail": [(MODIFY_REPLACE, ["thief@example.com"])]}),
            ("enable it", user, {"userAccountControl": [(MODIFY_REPLACE, ["512"])]}),
            ("a group", f"CN=Domain Admins,CN=Users,{BASE}", {"member": [(MODIFY_ADD, [user])]}),
            ("a user elsewhere", moved, password),
            ("an administrator", administrator, password),
        ):
            connection.modify(target, changes)
            refused[what] = connection.result["description"]
        connection.add(f"CN=new,{USERS_BASE}", "user", {"sAMAccountName": "new"})
        refused["create"] = connection.result["description"]
        connection.delete(user)
        refused["delete"] = connection.result["description"]
        connection.modify_dn(user, user.partition(",")[0], new_superior=BASE)
        refused["move"] = connection.result["description"]
    assert set(refused.values()) == {"insufficientAccessRights"}, refused
    assert directory.sign_in(name, OLD_PASSWORD) == SIGNED_IN


def test_every_transition_of_the_directorys_own_was_taken() -> None:
    """Runs last, as `test_reset.py` does for all others."""
    own = {each for each in transitions(DEFINITION) if OWN & {each.source, each.target}}
    assert own - seen == set()
