"""A function whose code was replaced does what its role allows, and what other functions believe: no more.

The table in docs/security.md says for each function what that is at worst. Here it is tried of those
of IAM's resets that others believe, or that set passwords. What each role allows by itself,
`test_permissions.py` tries.
"""

import hashlib
import io
import json
import re
import urllib.request
import zipfile
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from latchkey.domain.claims import user_key
from local.driver.product import Link, Product, Run, wait_for
from tests.e2e.probe import DENIED

OLD_PASSWORD = "Before-the-reset-1"
THIEF = "thief@example.com"


@contextmanager
def replaced(product: Product, function: str, body: str) -> Generator[None]:
    """Let a function run other code, under its own role and with its own settings."""
    functions = product.client("lambda")
    name = product.physical_id(f"{function}Function")
    found = functions.get_function(FunctionName=name)
    with urllib.request.urlopen(found["Code"]["Location"]) as answer:  # noqa: S310  # the local cloud's
        genuine = answer.read()
    module = found["Configuration"]["Handler"].removesuffix(".handler").replace(".", "/")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{module.partition('/')[0]}/__init__.py", "")
        archive.writestr(f"{module}.py", f"{PRELUDE}\n\ndef handler(event, _context):\n{indented(body)}\n")
    functions.update_function_code(FunctionName=name, ZipFile=packed.getvalue())
    try:
        yield
    finally:
        functions.update_function_code(FunctionName=name, ZipFile=genuine)


def indented(body: str) -> str:
    return "\n".join(f"    {line}" for line in body.splitlines())


#: What the thief's code has at hand. Where a call is refused, the code is what the execution ends with.
PRELUDE = """
import json, os
import boto3
from botocore.exceptions import ClientError


class Stolen(Exception):
    pass


def attempt(service, call, **arguments):
    try:
        return getattr(boto3.client(service), call)(**arguments)
    except ClientError as error:
        raise Stolen(error.response["Error"]["Code"])
"""


def admin(product: Product) -> str:
    """Create a member of a group that is protected by default."""
    iam, user = product.client("iam"), product.create_user(OLD_PASSWORD)
    groups = {group["GroupName"] for group in iam.list_groups()["Groups"]}
    if "Administrators" not in groups:
        iam.create_group(GroupName="Administrators")
    iam.add_user_to_group(GroupName="Administrators", UserName=user)
    return user


def untouched(product: Product, user: str) -> bool:
    return product.sign_in(user, OLD_PASSWORD) == {"signed_in": True, "password_reset_required": False}


def found(user: str) -> dict[str, str]:
    """Return what a replaced `ValidateUser` answers: another's account, and the thief's mailbox."""
    return {"user": user, "name": user, "mail": THIEF, "language": "", "denied": ""}


def finish(product: Product, arn: str) -> Run:
    return product.wait_for_end(arn, 120)


@pytest.mark.parametrize("confirm", [False, True], ids=["signed", "public"])
def test_validate_user_gets_no_protected_user_reset(product: Product, *, confirm: bool) -> None:
    user, mails = admin(product), len(product.mails(THIEF))
    with replaced(product, "ValidateUser", f"return {found(user)!r}"):
        run = finish(product, product.start_reset("anyone@example.com", confirm=confirm))
    state = "ConfirmRequest" if confirm else "ResetIamPassword"
    assert run.status == "FAILED"
    assert f"{state} failed with UserNotEligibleError: {user} is protected by the group" in run.cause
    assert untouched(product, user)
    # The text that tells of a failure holds no secret, and goes where ValidateUser says.
    assert {mail["subject"] for mail in product.mails(THIEF)[mails:]} <= {"Your password could not be reset"}


def test_validate_user_sends_no_link_to_another_mailbox(product: Product) -> None:
    user, mails = product.create_user(OLD_PASSWORD), len(product.mails(THIEF))
    with replaced(product, "ValidateUser", f"return {found(user)!r}"):
        arn = product.start_reset("anyone@example.com")
        link = product.wait_for_link(user)
    assert product.claim(link).status_code == 200
    assert finish(product, arn).status == "SUCCEEDED"
    assert product.wait_for_notice(user)
    assert product.mails(THIEF)[mails:] == []


def test_confirm_request_gives_no_answer_itself(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    body = "attempt('stepfunctions', 'send_task_success', taskToken=event['task_token'], output='{}')"
    with replaced(product, "ConfirmRequest", body):
        run = finish(product, product.start_reset(user, confirm=True))
    assert (run.status, "ResetIamPassword" in run.states) == ("FAILED", False)
    assert "AccessDenied" in run.cause
    assert untouched(product, user)


def test_generate_password_sets_no_password(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    body = f"attempt('iam', 'update_login_profile', UserName={user!r}, Password='Known-to-the-Thief-1')"
    with replaced(product, "GeneratePassword", body):
        run = finish(product, product.start_reset(user))
    assert "AccessDenied" in run.cause
    assert untouched(product, user)


def test_generate_password_passes_no_other_resets_seal_on(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with replaced(product, "GeneratePassword", "return {'sealed': 'bm90IHNlYWxlZA=='}"):
        run = finish(product, product.start_reset(user))
    assert "SealBrokenError" in run.cause
    assert untouched(product, user)


def test_store_password_ends_no_other_users_reset(product: Product) -> None:
    victim, user = product.create_user(OLD_PASSWORD), product.create_user(OLD_PASSWORD)
    waiting = product.start_reset(victim)
    link = product.wait_for_link(victim)
    product.wait_until_claimable(victim)
    (parameter,) = product.passwords(victim)
    item = product.item(victim)["id"]["S"]
    body = f"""return {{'handle': {link.ph!r}, 'expires_at': '2100-01-01T00:00:00Z',
    'item': {item!r}, 'parameter': {parameter!r}}}"""
    with replaced(product, "StorePassword", body):
        run = finish(product, product.start_reset(user))
    assert run.status == "FAILED"
    assert product.claim(link).status_code == 200
    assert finish(product, waiting).states[-1] == "Claimed"


def test_notify_claimed_revokes_no_password(product: Product) -> None:
    victim, user = product.create_user(OLD_PASSWORD), product.create_user(OLD_PASSWORD)
    body = f"""import hashlib, time
digits = lambda text: hashlib.sha256(text.encode()).hexdigest()[:32]
handle = f"{{digits({victim!r})}}.{{int(time.time()) + 3600}}.{{digits(event['execution'])}}"
item = {{'id': f'notice#{{handle}}', 'user': {victim!r}, 'execution': event['execution'], 'task_token': '',
        'secret_sha256': hashlib.sha256(b'forged').hexdigest()}}
attempt('dynamodb', 'put_item', TableName=os.environ['REGISTRY_TABLE'],
        Item={{name: {{'S': text}} for name, text in item.items()}})
raise Stolen(handle)"""
    with replaced(product, "NotifyClaimed", body):
        run = finish(product, product.start_reset_and_claim(user))
    assert run.states[-1] == "Claimed"
    handle = re.search(r"[0-9a-f]{32}\.[0-9]{10}\.[0-9a-f]{32}", json.dumps(run.events, default=str))
    assert handle
    assert product.press("revoke", Link("", handle[0], "forged")).status_code == 410
    assert untouched(product, victim)
    assert not product.item(victim)


SETTERS = ("ResetIamPassword", "RevokePassword")


@pytest.mark.parametrize("function", SETTERS)
def test_what_sets_passwords_sets_none_of_a_protected_user(product: Product, function: str) -> None:
    tagged, user = (
        product.create_user(OLD_PASSWORD, {"latchkey:protected": ""}),
        product.create_user(OLD_PASSWORD),
    )
    body = f"attempt('iam', 'update_login_profile', UserName={tagged!r}, Password='Known-to-the-Thief-1')"
    with replaced(product, function, body):
        if function == "RevokePassword":
            with replaced(product, "SendClaimLink", "raise Stolen('to be undone')"):
                run = finish(product, product.start_reset(user))
        else:
            run = finish(product, product.start_reset(user))
    assert "AccessDenied" in run.cause
    assert untouched(product, tagged)


def test_send_claim_link_reads_no_password_that_waits(product: Product) -> None:
    victim, user = product.create_user(OLD_PASSWORD), product.create_user(OLD_PASSWORD)
    waiting = product.start_reset(victim)
    link = product.wait_for_link(victim)
    (parameter,) = wait_for("the victim's password", lambda: product.passwords(victim))
    body = f"attempt('ssm', 'get_parameter', Name={parameter!r}, WithDecryption=True)"
    with replaced(product, "SendClaimLink", body):
        run = finish(product, product.start_reset(user))
    assert "AccessDenied" in run.cause
    assert not product.sign_in(user, OLD_PASSWORD)["signed_in"], "it was undone"
    assert product.claim(link).status_code == 200
    assert finish(product, waiting).states[-1] == "Claimed"


def exchange_hash(product: Product, victim: str, link: Link) -> tuple[str, str]:
    """Return code that exchanges the hash of a user's waiting link in the registry, and the new hash."""
    forged = hashlib.sha256(f"{link.ph}&forged".encode()).hexdigest()
    key = {"id": product.item(victim)["id"]}
    body = f"""attempt('dynamodb', 'update_item', TableName=os.environ['REGISTRY_TABLE'], Key={key!r},
        UpdateExpression='SET #c.secret_sha256 = :f', ExpressionAttributeNames={{'#c': 'current'}},
        ExpressionAttributeValues={{':f': {{'S': {forged!r}}}}})"""
    return body, forged


def test_what_moves_resets_exchanges_no_links_secret(product: Product) -> None:
    victim = product.create_user(OLD_PASSWORD)
    waiting = product.start_reset(victim)
    link = product.wait_for_link(victim)
    product.wait_until_claimable(victim)
    body, forged = exchange_hash(product, victim, link)
    functions, name = product.client("lambda"), product.physical_id("RevokePasswordFunction")
    with replaced(product, "RevokePassword", body):
        functions.invoke(FunctionName=name, Payload=b"{}")
    assert product.item(victim)["current"]["M"]["secret_sha256"]["S"] == forged
    assert product.extract(Link("", link.ph, "forged")).status_code == 410
    product.client("stepfunctions").stop_execution(executionArn=waiting)


#: What opens and closes windows of requests in the item that also holds the user's reset.
WINDOWS = ("RequestReset", "ValidateUser", "NotifyExpired", "NotifyUnlocked", "NotifyFailed")


def test_what_writes_windows_moves_no_reset(product: Product) -> None:
    victim = product.create_user(OLD_PASSWORD)
    waiting = product.start_reset(victim)
    link = product.wait_for_link(victim)
    product.wait_until_claimable(victim)
    body, _ = exchange_hash(product, victim, link)
    functions, answers = product.client("lambda"), {}
    for function in WINDOWS:
        with replaced(product, function, body):
            name = product.physical_id(f"{function}Function")
            answer = json.load(functions.invoke(FunctionName=name, Payload=b"{}")["Payload"])
            answers[function] = answer["errorMessage"] in DENIED
    assert answers == dict.fromkeys(WINDOWS, True)
    assert product.claim(link).status_code == 200
    assert finish(product, waiting).states[-1] == "Claimed"


def test_find_orphans_has_no_reset_undone_that_is_looked_after(product: Product) -> None:
    victim = product.create_user(OLD_PASSWORD)
    waiting = product.start_reset(victim)
    link = product.wait_for_link(victim)
    product.wait_until_claimable(victim)
    cleanup = product.stack.outputs["CleanupStateMachineArn"]
    with replaced(product, "FindOrphans", f"return {{'batches': [[{user_key(victim)!r}]], 'next': ''}}"):
        started = product.client("stepfunctions").start_execution(stateMachineArn=cleanup)
        assert finish(product, started["executionArn"]).status == "SUCCEEDED"
    assert product.claim(link).status_code == 200
    assert finish(product, waiting).states[-1] == "Claimed"


@pytest.mark.parametrize("function", ["RevokeClaim", "RemoveOrphans"])
def test_what_undoes_resets_sets_no_password_of_a_protected_user(product: Product, function: str) -> None:
    tagged = product.create_user(OLD_PASSWORD, {"latchkey:protected": ""})
    body = f"attempt('iam', 'update_login_profile', UserName={tagged!r}, Password='Known-to-the-Thief-1')"
    functions, name = product.client("lambda"), product.physical_id(f"{function}Function")
    with replaced(product, function, body):
        answer = json.load(functions.invoke(FunctionName=name, Payload=b"{}")["Payload"])
    assert answer["errorType"] == "Stolen"
    assert answer["errorMessage"] in DENIED
    assert untouched(product, tagged)
