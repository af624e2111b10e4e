"""Every path of the reset state machine: each Next, each Catch, each time-out, and what it leaves behind."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from latchkey.domain.claims import item_id, user_key
from latchkey.domain.user_index import LONGEST_MISS
from local.driver.faults import failing, fault, hangs
from local.driver.product import Link, Product, Run, wait_for
from tools.asl import Transition, read_definition, taken, transitions

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
DEFINITION = read_definition(ROOT / "statemachines" / "reset.asl.json")
OLD_PASSWORD = "0ld-Password-of-the-user"

HAPPY = [
    "ValidateUser",
    "GeneratePassword",
    "ConfirmOrChange",
    "ResetIamPassword",
    "StorePassword",
    "SendClaimLink",
    "WaitForClaim",
]
CLAIMED = [*HAPPY, "DeletePassword", "NotifyClaimed", "Claimed"]
UNSENT = ["CountUnsentNotice", "HowItEnded"]
EXPIRED = [*HAPPY, "RevokePassword", "ExpiredOrFailed", "NotifyExpired", "Expired"]
SUPERSEDED = ["PublishSuperseded", "Superseded"]
ASKED = [*HAPPY[:3], "ConfirmRequest"]
UNDONE = ["RevokePassword", "ExpiredOrFailed", "NotifyFailed", "Failed"]

#: The states that `test_directory_reset.py` comes to.
OF_A_DIRECTORY = {"ResetDirectoryPassword", "UnlockDirectoryAccount", "NotifyUnlocked", "Unlocked"}

#: What the executions of this module went through; the last test looks for transitions not taken.
seen: set[Transition] = set()


def finish(product: Product, arn: str) -> Run:
    run = product.wait_for_end(arn)
    seen.update(taken(run.events, DEFINITION))
    return run


@dataclass(frozen=True)
class Failure:
    """A failing step: the faults it meets, where the execution goes, and the words its cause must have."""

    name: str
    faults: list[dict[str, Any]]
    states: list[str]
    cause: list[str]
    mails: list[str] = field(default_factory=list)
    old_password_works: bool = False


FAILURES = [
    Failure(
        "validating is denied",
        [fault("iam", "GetUser", "AccessDenied", status=403)],
        ["ValidateUser", "NotifyFailed", "Failed"],
        ["ValidateUser failed with AccessDeniedError", "look up the user"],
        old_password_works=True,
    ),
    Failure(
        "validating hangs",
        [hangs("ValidateUser")],
        ["ValidateUser", "NotifyFailed", "Failed"],
        ["ValidateUser failed with States.Timeout"],
        old_password_works=True,
    ),
    Failure(
        "the key denies sealing",
        [fault("kms", "Encrypt", "AccessDeniedException")],
        [*HAPPY[:2], "NotifyFailed", "Failed"],
        ["GeneratePassword failed with AccessDeniedError", "seal the secrets"],
        ["could not be reset"],
        old_password_works=True,
    ),
    Failure(
        "generating hangs",
        [hangs("GeneratePassword")],
        [*HAPPY[:2], "NotifyFailed", "Failed"],
        ["GeneratePassword failed with States.Timeout"],
        ["could not be reset"],
        old_password_works=True,
    ),
    Failure(
        "the account's policy refuses the password",
        [fault("iam", "UpdateLoginProfile", "PasswordPolicyViolation", times=1)],
        [*HAPPY[:4], *UNDONE],
        ["ResetIamPassword failed with PasswordPolicyViolationError", "set the password"],
        ["could not be reset"],
        old_password_works=True,
    ),
    Failure(
        "IAM takes the password but its answer never arrives",
        [hangs("ResetIamPassword", late=True)],
        [*HAPPY[:4], *UNDONE],
        ["ResetIamPassword failed with States.Timeout"],
        ["could not be reset"],
    ),
    Failure(
        "the key denies unsealing",
        [fault("kms", "Decrypt", "AccessDeniedException")],
        [*HAPPY[:4], *UNDONE],
        ["ResetIamPassword failed with AccessDeniedError", "unseal the secrets"],
        ["could not be reset"],
        old_password_works=True,
    ),
    Failure(
        "SSM throttles for ever",
        [fault("ssm", "PutParameter", "ThrottlingException")],
        [*HAPPY[:5], *UNDONE],
        ["StorePassword failed with ThrottledError", "store the password"],
        ["could not be reset"],
    ),
    Failure(
        "storing crashes after the password was stored",
        [failing("StorePassword", "Runtime.ExitError", late=True)],
        [*HAPPY[:5], *UNDONE],
        ["StorePassword failed with Runtime.ExitError"],
        ["could not be reset"],
    ),
    Failure(
        "storing hangs",
        [hangs("StorePassword")],
        [*HAPPY[:5], *UNDONE],
        ["StorePassword failed with States.Timeout"],
        ["could not be reset"],
    ),
    Failure(
        "SES refuses the mail",
        [fault("ses", "SendEmail", "MessageRejected", times=1)],
        [*HAPPY[:6], *UNDONE],
        ["SendClaimLink failed with MailRefusedError", "send the mail"],
        ["could not be reset"],
    ),
    Failure(
        "sending hangs after the mail went out",
        [hangs("SendClaimLink", late=True)],
        [*HAPPY[:6], *UNDONE],
        ["SendClaimLink failed with States.Timeout"],
        ["CONFIDENTIAL", "CONFIDENTIAL", "CONFIDENTIAL", "could not be reset"],
    ),
    Failure(
        "the task token cannot be stored",
        [fault("dynamodb", "UpdateItem", "InternalServerError", status=500, match=":task_token")],
        [*HAPPY, *UNDONE],
        ["WaitForClaim failed with DynamoDb."],
        ["CONFIDENTIAL", "could not be reset"],
    ),
    Failure(
        "neither the mail nor the notice goes out",
        [fault("ses", "SendEmail", "MailFromDomainNotVerifiedException")],
        [*HAPPY[:6], *UNDONE],
        ["SendClaimLink failed with MailRefusedError"],
    ),
    Failure(
        "the notice hangs as well",
        [fault("kms", "Encrypt", "AccessDeniedException"), hangs("NotifyFailed")],
        [*HAPPY[:2], "NotifyFailed", "Failed"],
        ["GeneratePassword failed with AccessDeniedError"],
        old_password_works=True,
    ),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_failed_reset_is_undone_and_says_why(product: Product, failure: Failure) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.faults(*failure.faults) as hits:
        run = finish(product, product.start_reset(user))
        assert all(hits()), "a fault that hit no call tests nothing"
    assert run.status == "FAILED"
    assert run.states == failure.states
    assert [words for words in failure.cause if words not in run.cause] == []
    assert product.waiting(user) == []
    for mail, words in zip(product.mails(user), failure.mails, strict=True):
        assert words in mail["subject"]
    assert product.sign_in(user, OLD_PASSWORD)["signed_in"] is failure.old_password_works


def test_claimed_reset_ends_in_claimed(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    arn = product.start_reset(user)
    password = product.claim(product.wait_for_link(user)).json()["password"]
    run = finish(product, arn)
    assert (run.status, run.states) == ("SUCCEEDED", CLAIMED)
    assert product.waiting(user) == []
    assert product.sign_in(user, password) == {"signed_in": True, "password_reset_required": True}
    assert product.wait_for_mail(user, "was shown")


def test_every_mail_of_a_reset_is_in_the_language_of_the_users_tag(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD, {"Language": "de-AT"})
    arn = product.start_reset(user)
    link = Link.within(product.wait_for_mail(user, "VERTRAULICH")["text"])
    product.claim(link)
    finish(product, arn)
    with product.claims_live(2):
        finish(product, product.start_reset(user))
    with product.faults(fault("kms", "Encrypt", "AccessDeniedException")):
        finish(product, product.start_reset(user))
    assert [mail["subject"] for mail in product.mails(user)] == [
        "VERTRAULICH: Informationen zu Ihrem Konto",
        "Ihr vorläufiges Passwort wurde angezeigt",
        "VERTRAULICH: Informationen zu Ihrem Konto",
        "Ihr Passwort-Link ist abgelaufen",
        "Ihr Passwort konnte nicht zurückgesetzt werden",
    ]


#: Each state that has a retrier for these meets more of them than it tries an unknown error again, and no
#: more than its eight tries. In ValidateUser and SendClaimLink the SDK takes three of them for one.
THROTTLED = [
    fault("iam", "GetUser", "Throttling", times=9),
    fault("iam", "UpdateLoginProfile", "EntityTemporarilyUnmodifiable", status=409, times=3),
    fault("kms", "Decrypt", "ThrottlingException", times=3),
    fault("ssm", "PutParameter", "TooManyUpdates", times=3),
    fault("dynamodb", "UpdateItem", "ThrottlingException", times=3, match=":task_token"),
    fault("dynamodb", "UpdateItem", "ThrottlingException", times=3, match=":resetting"),
    fault("ses", "SendEmail", "TooManyRequestsException", status=429, times=9),
    failing("StorePassword", "TooManyRequestsException", status=429, times=3),
]
LOST = fault("dynamodb", "UpdateItem", "InternalServerError", status=500, times=1, late=True)


@pytest.mark.parametrize(
    "passing",
    [
        THROTTLED,
        [LOST | {"match": ':reset"'}, LOST | {"match": ":secret"}],
        [
            failing("ResetIamPassword", "Runtime.ExitError", times=2, late=True),
            failing("StorePassword", "Runtime.ExitError", times=2),
        ],
        [failing("StorePassword", "Runtime.ExitError", times=2, late=True)],
    ],
    ids=["throttled", "answers lost", "crashes", "crashes after the work"],
)
def test_passing_trouble_is_retried(product: Product, passing: list[dict[str, Any]]) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.faults(*passing) as hits:
        arn = product.start_reset(user)
        password = product.claim(product.wait_for_link(user)).json()["password"]
        run = finish(product, arn)
        assert hits() == [each["times"] for each in passing]
    assert run.states == CLAIMED
    assert product.sign_in(user, password)["signed_in"]
    assert not product.sign_in(user, OLD_PASSWORD)["signed_in"]


def test_claim_waits_for_a_password_that_parameter_store_does_not_show_yet(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.faults({"service": "ssm", "action": "GetParameter", "stale": True, "times": 3}) as hits:
        arn = product.start_reset(user)
        password = product.claim(product.wait_for_link(user)).json()["password"]
        assert finish(product, arn).states == CLAIMED
        assert hits() == [3]
    assert product.sign_in(user, password)["signed_in"]


@pytest.mark.parametrize(
    ("trouble", "end"),
    [
        (fault("ssm", "DeleteParameter", "InternalServerError", status=500), []),
        (fault("ses", "SendEmail", "MessageRejected", after=1), UNSENT),
        (hangs("NotifyClaimed"), UNSENT),
    ],
    ids=["deleting fails", "the notice is refused", "the notice hangs"],
)
def test_trouble_after_the_claim_does_not_undo_it(
    product: Product, trouble: dict[str, Any], end: list[str]
) -> None:
    user, counted = product.create_user(OLD_PASSWORD), unsent_notices(product)
    with product.faults(trouble) as hits:
        arn = product.start_reset(user)
        password = product.claim(product.wait_for_link(user)).json()["password"]
        run = finish(product, arn)
        assert all(hits())
    assert (run.status, run.states) == ("SUCCEEDED", [*CLAIMED[:-1], *end, "Claimed"])
    assert json.loads(run.description["output"])["user"] == user
    assert unsent_notices(product) == counted + bool(end)
    assert product.sign_in(user, password)["signed_in"]


def unsent_notices(product: Product) -> int:
    """Return how often the stack has counted that a user could not be told."""
    now = datetime.now(UTC)
    found = product.client("cloudwatch").get_metric_statistics(
        Namespace=product.stack.stack_name,
        MetricName="NoticeUnsent",
        Dimensions=[{"Name": "service", "Value": "reset"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=7200,
        Statistics=["Sum"],
    )
    return int(sum(point["Sum"] for point in found["Datapoints"]))


def test_a_notice_that_is_neither_sent_nor_counted_fails_the_execution(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    refused = fault("ses", "SendEmail", "MessageRejected", after=1)
    with product.faults(refused, fault("cloudwatch", "PutMetricData", "InternalFailure", status=500)):
        arn = product.start_reset(user)
        product.claim(product.wait_for_link(user))
        run = finish(product, arn)
    assert (run.status, run.states[-2:]) == ("FAILED", ["CountUnsentNotice", "Failed"])
    assert "NotifyClaimed failed with MailRefusedError" in run.cause


def expire(product: Product, user: str, *faults: dict[str, Any]) -> Run:
    """Let a reset of the user expire."""
    with product.claims_live(2), product.faults(*faults) as hits:
        run = finish(product, product.start_reset(user))
        assert all(hits())
    return run


def test_expired_reset_leaves_nothing_that_opens_the_account(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    run = expire(product, user)
    assert (run.status, run.states) == ("SUCCEEDED", EXPIRED)
    assert product.waiting(user) == []
    assert product.extract(product.wait_for_link(user)).status_code == 410
    assert not product.sign_in(user, OLD_PASSWORD)["signed_in"]
    assert product.wait_for_mail(user, "expired")


@pytest.mark.parametrize(
    "trouble",
    [fault("ses", "SendEmail", "MessageRejected", after=1), hangs("NotifyExpired")],
    ids=["is refused", "hangs"],
)
def test_expiry_stands_though_its_notice_fails(product: Product, trouble: dict[str, Any]) -> None:
    counted = unsent_notices(product)
    run = expire(product, product.create_user(OLD_PASSWORD), trouble)
    assert (run.status, run.states) == ("SUCCEEDED", [*EXPIRED[:-1], *UNSENT, "Expired"])
    assert unsent_notices(product) == counted + 1


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (
            fault("iam", "UpdateLoginProfile", "AccessDenied", status=403, after=1),
            "AccessDeniedError: Could not set",
        ),
        (hangs("RevokePassword"), "States.Timeout"),
    ],
    ids=["is denied", "hangs"],
)
def test_a_revocation_that_is_denied_or_hangs_fails_and_says_why(
    product: Product, trouble: dict[str, Any], words: str
) -> None:
    run = expire(product, product.create_user(OLD_PASSWORD), trouble)
    assert run.status == "FAILED"
    assert run.states == [*HAPPY, "RevokePassword", "NotifyFailed", "Failed"]
    assert f"RevokePassword failed with {words}" in run.cause


def test_failed_revocation_tells_of_the_first_failure_too(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    denied = fault("dynamodb", "UpdateItem", "AccessDeniedException", match=user_key(user))
    with product.faults(denied):
        run = finish(product, product.start_reset(user))
    assert run.states == [*HAPPY[:4], "RevokePassword", "NotifyFailed", "Failed"]
    assert "RevokePassword failed" in run.cause
    assert "(after ResetIamPassword failed with AccessDeniedError: Could not write" in run.cause


def test_newer_reset_supersedes_the_older_at_once(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    older = product.start_reset(user)
    older_link = product.wait_for_link(user)
    newer = product.start_reset(user)
    newer_link = product.wait_for_link(user, number=2)
    run = finish(product, older)
    assert (run.status, run.states) == ("SUCCEEDED", [*HAPPY, *SUPERSEDED])
    assert product.extract(older_link).status_code == 410
    password = product.claim(newer_link).json()["password"]
    assert finish(product, newer).states == CLAIMED
    assert product.sign_in(user, password)["signed_in"]


def test_reset_superseded_before_it_waits_ends_when_it_would_wait(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    slow = fault("lambda", "Invoke", "", match="SendClaimLinkFunction", delay_seconds=6, times=1)
    with product.faults(slow):
        older = product.start_reset(user)
        product.wait_for_state(older, "SendClaimLink")
        newer = product.start_reset(user)
        link = product.wait_for_link(user)
        run = finish(product, older)
    assert (run.status, run.states) == (
        "SUCCEEDED",
        [*HAPPY, "RevokePassword", "ExpiredOrFailed", *SUPERSEDED],
    )
    password = product.claim(link).json()["password"]
    assert finish(product, newer).states == CLAIMED
    assert product.sign_in(user, password)["signed_in"]
    assert product.waiting(user) == []


def test_storing_that_comes_after_a_newer_reset_is_superseded(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    stuck = fault("lambda", "Invoke", "", match="StorePasswordFunction", delay_seconds=4, times=1)
    with product.faults(stuck):
        older = product.start_reset(user)
        product.wait_for_state(older, "StorePassword")
        take_the_account(product, user, "over")
        newer = product.start_reset(user)
        password = product.claim(product.wait_for_link(user)).json()["password"]
        run = finish(product, older)
    assert (run.status, run.states) == ("SUCCEEDED", [*HAPPY[:5], *SUPERSEDED])
    assert finish(product, newer).states == CLAIMED
    assert product.sign_in(user, password)["signed_in"]
    assert product.waiting(user) == []


def take_the_account(product: Product, user: str, phase: str) -> None:
    """Put another reset in the place of the user's."""
    product.client("dynamodb").update_item(
        TableName=product.registry,
        Key={"id": {"S": item_id(user_key(user))}},
        UpdateExpression="SET #current = :other",
        ExpressionAttributeNames={"#current": "current"},
        ExpressionAttributeValues={
            ":other": {"M": {"execution": {"S": "another"}, "phase": {"S": phase}, "user": {"S": user}}}
        },
    )


def test_reset_that_never_gets_the_account_changes_nothing(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    take_the_account(product, user, "resetting")
    run = finish(product, product.start_reset(user))
    assert run.states == [*HAPPY[:4], "NotifyFailed", "Failed"]
    assert "ResetInProgressError: Another reset of" in run.cause
    assert product.sign_in(user, OLD_PASSWORD)["signed_in"]
    assert product.waiting(user) == ["resetting"]


def test_reset_that_lost_the_account_to_an_unknown_execution_is_superseded(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.claims_live(5):
        arn = product.start_reset(user)
        product.wait_for_link(user)
        product.wait_until_claimable(user)
        take_the_account(product, user, "waiting")
        run = finish(product, arn)
    assert run.states == [*HAPPY, "RevokePassword", "ExpiredOrFailed", *SUPERSEDED]
    assert product.passwords(user) == []


def test_revocation_leaves_a_password_alone_that_was_changed_meanwhile(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.claims_live(4):
        arn = product.start_reset(user)
        product.wait_for_state(arn, "StorePassword")
        product.client("iam").update_login_profile(
            UserName=user, Password=OLD_PASSWORD, PasswordResetRequired=False
        )
        assert finish(product, arn).states == EXPIRED
    assert product.sign_in(user, OLD_PASSWORD)["signed_in"]


def test_superseded_reset_ends_though_its_event_cannot_be_published(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    older = product.start_reset(user)
    product.wait_for_link(user)
    product.wait_until_claimable(user)
    with product.faults(
        fault("events", "PutEvents", "InternalException", status=500, match="Superseded")
    ) as hits:
        newer = product.start_reset(user)
        assert finish(product, older).states == [*HAPPY, *SUPERSEDED]
        assert all(hits())
    product.claim(product.wait_for_link(user, number=2)).raise_for_status()
    finish(product, newer)


# Where anyone may ask


def test_nothing_changes_until_the_user_says_yes(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    arn = product.start_reset(user, confirm=True)
    question = product.wait_for_question(user)
    assert product.sign_in(user, OLD_PASSWORD)["signed_in"]
    assert product.answer(question, "yes").status_code == 200
    password = product.claim(product.wait_for_link(user)).json()["password"]
    assert finish(product, arn).states == [*ASKED, *CLAIMED]
    assert product.sign_in(user, password)["signed_in"]
    assert product.waiting(user) == []


def test_declined_request_changes_nothing(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    arn = product.start_reset(user, confirm=True)
    assert product.answer(product.wait_for_question(user), "no").status_code == 200
    run = finish(product, arn)
    assert (run.status, run.states) == ("SUCCEEDED", [*ASKED, "Declined"])
    untouched(product, user)


def test_a_user_protected_by_the_time_of_the_answer_is_not_reset(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    arn = product.start_reset(user, confirm=True)
    question = product.wait_for_question(user)
    iam = product.client("iam")
    iam.create_group(GroupName="Admins")
    iam.add_user_to_group(GroupName="Admins", UserName=user)
    assert product.answer(question, "yes").status_code == 200
    run = finish(product, arn)
    assert (run.status, run.states) == ("SUCCEEDED", [*ASKED, "ValidateUser", "Rejected"])
    untouched(product, user)


def untouched(product: Product, user: str) -> None:
    assert product.sign_in(user, OLD_PASSWORD) == {"signed_in": True, "password_reset_required": False}
    assert product.waiting(user) == []


#: The question goes out, and no answer comes until the state's time is over.
UNANSWERED = hangs("ConfirmRequest", late=True)


def test_unanswered_request_changes_nothing(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.faults(UNANSWERED) as hits:
        run = finish(product, product.start_reset(user, confirm=True))
        assert hits() == [1]
    assert (run.status, run.states) == ("SUCCEEDED", [*ASKED, "ExpireRequest", "Unconfirmed"])
    untouched(product, user)
    assert product.answer(product.wait_for_question(user), "yes").status_code == 410
    untouched(product, user)


def test_request_that_cannot_be_forgotten_opens_nothing(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.faults(UNANSWERED, hangs("ExpireRequest")) as hits:
        run = finish(product, product.start_reset(user, confirm=True))
        assert all(hits())
    assert (run.status, run.states) == ("SUCCEEDED", [*ASKED, "ExpireRequest", "Unconfirmed"])
    assert product.waiting(user)
    assert product.answer(product.wait_for_question(user), "yes").status_code == 410
    assert product.sign_in(user, OLD_PASSWORD)["signed_in"]


def test_question_that_cannot_be_mailed_fails_and_changes_nothing(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.faults(fault("ses", "SendEmail", "MessageRejected", times=1)):
        run = finish(product, product.start_reset(user, confirm=True))
    assert (run.status, run.states) == ("FAILED", [*ASKED, "NotifyFailed", "Failed"])
    assert "ConfirmRequest failed with MailRefusedError" in run.cause
    assert product.sign_in(user, OLD_PASSWORD)["signed_in"]


def test_passing_trouble_with_the_question_is_retried(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.faults(fault("ses", "SendEmail", "TooManyRequestsException", status=429, times=4)):
        arn = product.start_reset(user, confirm=True)
        question = product.wait_for_question(user)
    assert product.answer(question, "no").status_code == 200
    assert finish(product, arn).states == [*ASKED, "Declined"]


def why(run: Run) -> dict[str, str]:
    """Return what the output of a rejected reset says."""
    said: dict[str, str] = json.loads(run.description["output"])
    return said


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("unknown@example.com", "UserNotFoundError", "no user of that name"),
        ("robot@example.com", "UserNotEligibleError", "no console password"),
    ],
)
def test_user_without_a_password_is_rejected_in_silence(
    product: Product, name: str, error: str, words: str
) -> None:
    run = finish(product, product.start_reset(name))
    assert (run.status, run.states) == ("SUCCEEDED", ["ValidateUser", "Rejected"])
    assert why(run)["rejected"] == error
    assert words in why(run)["because"]
    assert product.mails(name) == []


# Names as people write them


def create_tagged_user(product: Product, key: str, address: str) -> str:
    """Create a user with a tag, and wait until an index from before would not be believed any more."""
    name, iam = f"user-{secrets.token_hex(6)}", product.client("iam")
    iam.create_user(UserName=name, Tags=[{"Key": key, "Value": address}])
    iam.create_login_profile(UserName=name, Password=OLD_PASSWORD)
    created, item = time.time(), {"id": {"S": "index#"}}

    def is_old() -> bool:
        found = product.client("dynamodb").get_item(TableName=product.registry, Key=item, ConsistentRead=True)
        listed_at = int(found.get("Item", {}).get("listed_at", {"N": "0"})["N"])
        return listed_at > created or listed_at + LONGEST_MISS.total_seconds() < time.time()

    wait_for("an old index of users", is_old)
    return name


def test_user_is_reset_by_the_address_in_a_tag_and_may_ask_again_at_once(product: Product) -> None:
    address = f"mary-{secrets.token_hex(4)}@corp.example.com"
    name, typed = create_tagged_user(product, "Email", address), address.title()
    for number in (1, 2):
        assert product.request(typed).status_code == 202
        product.answer(product.wait_for_question(address, number), "yes").raise_for_status()
        answer = product.claim(product.wait_for_link(address, number))
        assert answer.json()["user"] == name
    for arn in product.execution_arns(typed):
        assert finish(product, arn).states == [*ASKED, *CLAIMED]


# Where mail cannot go out


@contextmanager
def sending_paused(product: Product) -> Iterator[None]:
    ses = product.client("sesv2")
    ses.put_account_sending_attributes(SendingEnabled=False)
    try:
        yield
    finally:
        ses.put_account_sending_attributes(SendingEnabled=True)


def test_reset_while_ses_refuses_leaves_the_old_password_working(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with sending_paused(product):
        run = finish(product, product.start_reset(user, confirm=True))
    assert (run.status, run.states) == ("FAILED", ["ValidateUser", "NotifyFailed", "Failed"])
    assert "ValidateUser failed with MailRefusedError: Sending is paused" in run.cause
    untouched(product, user)


def test_reset_while_the_sender_is_not_verified_leaves_the_old_password_working(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.faults(fault("ses", "GetEmailIdentity", "NotFoundException", status=404)) as hits:
        run = finish(product, product.start_reset(user))
        assert hits() == [2]  # the address, and its domain
    assert "ValidateUser failed with MailRefusedError: SES has verified neither" in run.cause
    untouched(product, user)


def test_user_whose_address_ses_suppresses_is_rejected_before_anything_changes(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    product.client("sesv2").put_suppressed_destination(EmailAddress=user, Reason="BOUNCE")
    run = finish(product, product.start_reset(user))
    assert (run.status, run.states) == ("SUCCEEDED", ["ValidateUser", "Rejected"])
    assert why(run)["rejected"] == "AddressSuppressedError"
    assert "suppression list" in why(run)["because"]
    untouched(product, user)


# Who could not choose a password afterwards

NO_MFA_NO_CHANGE = {
    "Effect": "Deny",
    "NotAction": ["iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:ListMFADevices"],
    "Resource": "*",
    "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
}


@contextmanager
def no_policy_lets_people_change(product: Product, _user: str) -> Iterator[None]:
    iam = product.client("iam")
    iam.update_account_password_policy(AllowUsersToChangePassword=False)
    try:
        yield
    finally:
        iam.delete_account_password_policy()


@contextmanager
def mfa_demanded_of_a_user_without_device(product: Product, user: str) -> Iterator[None]:
    iam, document = product.client("iam"), {"Version": "2012-10-17", "Statement": [NO_MFA_NO_CHANGE]}
    iam.create_group(GroupName="deny-without-mfa")
    iam.put_group_policy(GroupName="deny-without-mfa", PolicyName="deny", PolicyDocument=json.dumps(document))
    iam.add_user_to_group(GroupName="deny-without-mfa", UserName=user)
    yield


@pytest.mark.parametrize(
    ("prepare", "confirm", "reason"),
    [
        (no_policy_lets_people_change, False, "IAM does not let"),
        (mfa_demanded_of_a_user_without_device, True, "has no MFA device"),
    ],
)
def test_user_who_could_not_choose_a_password_keeps_theirs_and_is_told(
    product: Product,
    prepare: Callable[[Product, str], AbstractContextManager[None]],
    confirm: bool,  # noqa: FBT001
    reason: str,
) -> None:
    user = product.create_user(OLD_PASSWORD)
    with prepare(product, user):
        arn = product.start_reset(user, confirm=confirm)
        if confirm:
            product.answer(product.wait_for_question(user), "yes").raise_for_status()
        run = finish(product, arn)
    asked = ASKED if confirm else []
    assert run.states == [*asked, *HAPPY[:3], "NotifyFailed", "Failed"]
    assert f"ValidateUser failed with PasswordChangeDeniedError: {reason}" in run.cause.replace(
        f"{user} has", "has"
    )
    assert product.wait_for_mail(user, "was not changed")
    untouched(product, user)


def test_user_who_was_found_is_told_where_looking_again_fails(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    arn = product.start_reset(user, confirm=True)
    question = product.wait_for_question(user)
    with product.faults(fault("iam", "GetUser", "AccessDenied", status=403)):
        product.answer(question, "yes").raise_for_status()
        run = finish(product, arn)
    assert run.states == [*ASKED, "ValidateUser", "NotifyFailed", "Failed"]
    assert product.wait_for_mail(user, "could not be reset")
    untouched(product, user)


def test_function_that_really_hangs_is_cut_off_and_tried_again(product: Product) -> None:
    user = product.create_user(OLD_PASSWORD)
    with product.faults(
        fault("lambda", "Invoke", "", match="GeneratePasswordFunction", delay_seconds=30, times=1)
    ):
        arn = product.start_reset(user)
        product.claim(product.wait_for_link(user)).raise_for_status()
    run = finish(product, arn)
    errors = [
        event["taskFailedEventDetails"]["error"] for event in run.events if "taskFailedEventDetails" in event
    ]
    assert errors == ["States.Timeout"]
    assert run.states == CLAIMED


# The inputs that docs/operations.md names


def start_with(product: Product, event: str) -> str:
    started = product.client("stepfunctions").start_execution(
        stateMachineArn=product.stack.outputs["ResetStateMachineArn"],
        input=(EVENTS / f"{event}.json").read_text(),
    )
    return str(started["executionArn"])


def test_documented_input_resets_and_asks_where_it_says_so(product: Product) -> None:
    links = len(product.mails("alice@example.com", "CONFIDENTIAL"))
    arn = start_with(product, "reset_machine_valid")
    product.claim(product.wait_for_link("alice@example.com", links + 1)).raise_for_status()
    assert finish(product, arn).states == CLAIMED
    questions = len(product.mails("alice@example.com", "Did you ask"))
    arn = start_with(product, "reset_machine_confirm")
    product.answer(product.wait_for_question("alice@example.com", questions + 1), "no").raise_for_status()
    assert finish(product, arn).states == [*ASKED, "Declined"]


def test_input_without_a_user_fails(product: Product) -> None:
    run = finish(product, start_with(product, "reset_machine_invalid"))
    assert (run.status, run.states) == ("FAILED", ["ValidateUser", "NotifyFailed", "Failed"])
    assert "ValidateUser failed with" in run.cause


def test_every_transition_was_taken() -> None:
    """Runs last: the tests above leave no way through the definition untried, but for a directory's."""
    elsewhere = {each for each in transitions(DEFINITION) if OF_A_DIRECTORY & {each.source, each.target}}
    assert transitions(DEFINITION) - seen == elsewhere
