"""The reminders: who is mailed, once; what a failing source, a refusing server and a killed run leave."""

import base64
import json
import ssl
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from local.driver.faults import failing, fault, hangs
from local.driver.product import Product, Run, wait_for
from local.driver.reminders import Reminders
from tools.asl import Transition, read_definition, taken, transitions

DEFINITION = read_definition(Path(__file__).parents[2] / "statemachines" / "reminders.asl.json")
EVENTS = Path(__file__).parents[2] / "events"
DUE = {
    "due15",
    "due7",
    "due5-missed",
    "due1",
    "due-expired",
    "due-ends-tomorrow",
    "due-" + "n" * 60,
    "due-by-short-policy",
}
OTHERS = {
    "expired": "already expired",
    "gone": "account expired",
    "smart-card": "signs in by smart card",
    "must-change": "must change at next sign-in",
    "never-expires": "never expires",
    "excluded": "excluded",
    "no-mail": "without mail",
    "bad-mail": "without mail",
}
IAM_USER = "iam-due@example.com"
ADMIN = "admin@example.com"
DAILY_QUOTA = "Throttling failure: Daily message quota exceeded."
RATE = "Throttling failure: Maximum sending rate exceeded."

seen: set[Transition] = set()


def load_event(name: str) -> dict[str, str]:
    """Return `events/NAME.json`."""
    event: dict[str, str] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return event


@pytest.fixture(scope="module")
def account(product: Product) -> Iterator[Reminders]:
    """Let passwords of IAM users expire, one of them in a week."""
    iam = product.client("iam")
    iam.update_account_password_policy(MaxPasswordAge=90)
    iam.create_user(UserName=IAM_USER, Tags=[{"Key": "local:password-age-days", "Value": "82.5"}])
    iam.create_login_profile(UserName=IAM_USER, Password="0ld-Password-of-the-user")
    yield Reminders(product)
    iam.delete_login_profile(UserName=IAM_USER)
    iam.delete_user(UserName=IAM_USER)
    iam.delete_account_password_policy()


@pytest.fixture
def reminders(account: Reminders) -> Reminders:
    """Begin with no reminder sent."""
    account.forget()
    return account


def run(reminders: Reminders, *faults: dict[str, Any], **given: str) -> Run:
    with reminders.product.faults(*faults):
        ended = reminders.run(**given)
    seen.update(taken(ended.events, DEFINITION))
    return ended


def outcomes(reminders: Reminders, ended: Run) -> dict[str, str]:
    return {user: row["outcome"] for user, row in reminders.report(ended).items()}


class Mailed:
    """Counts the reminders that are mailed from now on, by address."""

    def __init__(self, reminders: Reminders) -> None:
        self._reminders = reminders
        self._before = len(reminders.mails())

    def __call__(self) -> Counter[str]:
        return Counter(mail["to"][0] for mail in self._reminders.mails()[self._before :])


def smtp(action: str, error: str = "", message: str = "", **more: Any) -> dict[str, Any]:  # noqa: ANN401  # a fault's fields
    return {"service": "smtp", "action": action, "error": error, "message": message, **more}


def test_all_who_are_due_are_mailed_once_and_all_others_accounted_for(reminders: Reminders) -> None:
    mailed = Mailed(reminders)
    ended = run(reminders)
    assert ended.states[-1] == "Reported", ended.cause
    assert outcomes(reminders, ended) == {**dict.fromkeys({*DUE, IAM_USER}, "mailed"), **OTHERS}
    assert set(mailed().values()) == {1}
    assert len(mailed()) == len(DUE) + 1

    again = run(reminders)
    assert outcomes(reminders, again) == {**dict.fromkeys({*DUE, IAM_USER}, "already mailed"), **OTHERS}
    assert set(mailed().values()) == {1}


def test_mails_say_how_long_and_where_to_go(reminders: Reminders) -> None:
    run(reminders)
    mail = [mail for mail in reminders.mails() if mail["to"] == [IAM_USER]][-1]
    assert mail["subject"] == "Your password expires in 7 days"
    assert f"{reminders.product.stack.api_url}/generate?user={IAM_USER}" in mail["text"]
    assert "UTC" in mail["text"]


def test_a_user_of_the_directory_is_mailed_in_their_language_and_led_to_the_directorys_reset(
    reminders: Reminders,
) -> None:
    run(reminders)
    mail = [mail for mail in reminders.mails() if mail["to"] == ["due7@corp.example.com"]][-1]
    assert mail["subject"] == "Ihr Passwort läuft in 7 Tagen ab"
    page = f"{reminders.product.stack.api_url}/generate"
    assert f"{page}?account=directory&user=due7" in mail["text"].splitlines()


def test_the_administrator_gets_the_figures(reminders: Reminders) -> None:
    run(reminders)
    report = reminders.product.mails(ADMIN, "Password reminders of")[-1]
    assert f"{len(DUE) + 1} mailed" in report["subject"]
    assert "2  without mail" in report["text"]


def test_no_history_names_a_person(reminders: Reminders) -> None:
    ended = run(reminders)
    sfn = reminders.product.client("stepfunctions")
    text = json.dumps(ended.events, default=str)
    for described in sfn.list_executions(stateMachineArn=reminders.machine_arn)["executions"]:
        text += json.dumps(sfn.describe_execution(executionArn=described["executionArn"]), default=str)
    assert "corp.example.com" not in text


def test_dry_run_lists_and_sends_no_mail(reminders: Reminders) -> None:
    mailed = Mailed(reminders)
    ended = run(reminders, **load_event("reminders_machine_valid"))
    assert "MailBatches" not in ended.states
    assert {user for user, outcome in outcomes(reminders, ended).items() if outcome == "due"} == {
        *DUE,
        IAM_USER,
    }
    assert not mailed()


def test_test_run_mails_the_administrator_and_counts_for_nothing(reminders: Reminders) -> None:
    mailed = Mailed(reminders)
    run(reminders, mode="test")
    assert mailed() == {ADMIN: len(DUE) + 1}
    run(reminders)
    assert len(mailed()) == len(DUE) + 2


@pytest.mark.parametrize(
    ("user", "expected", "policy"),
    [
        ("due7", ("directory", 7, True), "domain's"),
        ("due7@corp.example.com", ("directory", 7, True), "domain's"),
        ("due-by-short-policy", ("directory", 7, True), "CN=Short"),
        ("expired", ("directory", -30, False), "domain's"),
        ("never-expires", ("directory", None, False), "domain's"),
        (IAM_USER, ("iam", 7, True), "90 days"),
    ],
)
def test_asking_about_one_user_says_when_and_why(
    reminders: Reminders, user: str, expected: tuple[str, int | None, bool], policy: str
) -> None:
    ended = run(reminders, user=user)
    assert ended.states[-1] == "Answered"
    (answer,) = json.loads(ended.description["output"])["answers"]
    assert (answer["source"], answer["days_left"], answer["would_be_mailed"]) == expected
    assert policy in answer["policy"]


def test_asking_where_no_password_expires_tells_so(reminders: Reminders) -> None:
    iam = reminders.product.client("iam")
    iam.delete_account_password_policy()
    try:
        output = json.loads(run(reminders, user=IAM_USER).description["output"])
    finally:
        iam.update_account_password_policy(MaxPasswordAge=90)
    assert "iam: the account's password policy has no maximum age" in " ".join(output["not_found"])


def test_test_run_that_sends_nothing_fails(reminders: Reminders) -> None:
    mailed = Mailed(reminders)
    down = smtp("Connect", crash=True, times=None)
    # Its first try finds that out; each further one would take ten seconds for the same.
    ended = run(reminders, down, failing("SendReminders", "SmtpUnavailableError", after=1), mode="test")
    assert (ended.status, ended.states[-1]) == ("FAILED", "Incomplete")
    assert f"{len(DUE) + 1} not sent: SmtpUnavailableError" in ended.cause
    assert f"report: s3://{reminders.bucket}/runs/" in ended.cause
    assert not mailed()


def test_asking_about_an_unknown_user_tells_so(reminders: Reminders) -> None:
    output = json.loads(run(reminders, user="*)(objectClass=*").description["output"])
    assert (output["answers"], output["not_asked"]) == ([], [])
    assert [said.partition(":")[0] for said in output["not_found"]] == ["iam", "directory"]


def test_a_slip_of_the_pen_mails_no_one(reminders: Reminders) -> None:
    """`tests/unit/test_reminders_definition.py` has more of them."""
    mailed = Mailed(reminders)
    ended = run(reminders, **load_event("reminders_machine_invalid"))
    assert (ended.status, ended.states[-1]) == ("FAILED", "InputRefused")
    assert not mailed()


def other_authority() -> str:
    pem = trustme.CA().cert_pem.bytes().decode()
    return base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"DIRECTORY_HOSTS": "localhost:1"}, "DirectoryUnreachableError"),
        ({"DIRECTORY_CA_CERTIFICATE": other_authority()}, "DirectoryCertificateError"),
        ({"DIRECTORY_SEARCH_BASES": "OU=Nowhere,DC=corp,DC=example,DC=com"}, "DirectorySearchError"),
        ({"DIRECTORY_EXCLUSION_GROUP": "CN=Missing,DC=corp,DC=example,DC=com"}, "DirectorySearchError"),
        ({"DIRECTORY_SECRET": "no-such-secret"}, "read the secret"),
    ],
    ids=["down", "wrong authority", "wrong base", "wrong group", "wrong secret"],
)
def test_iam_users_are_reminded_though_the_directory_is(
    reminders: Reminders, changed: dict[str, str], words: str
) -> None:
    mailed = Mailed(reminders)
    with reminders.variables("ListDirectoryUsers", **changed):
        ended = run(reminders)
    assert (ended.status, ended.states[-1]) == ("FAILED", "Incomplete")
    assert words in ended.cause
    assert mailed() == {IAM_USER: 1}
    report = reminders.product.mails(ADMIN, "Password reminders of")[-1]
    assert words in report["text"]


def test_people_are_reminded_though_resets_could_not_tell_who_is_protected(reminders: Reminders) -> None:
    mailed = Mailed(reminders)
    with reminders.variables("ListDirectoryUsers", DIRECTORY_PROTECTED_GROUPS="No such group"):
        ended = run(reminders)
    assert (ended.status, ended.states[-1]) == ("FAILED", "Incomplete")
    assert "directory: DirectorySearchError: DirectoryProtectedGroups names No such group" in ended.cause
    assert len(mailed()) == len(DUE) + 1


def test_a_refused_service_account_is_told_without_its_password(reminders: Reminders) -> None:
    secrets = reminders.product.client("secretsmanager")
    name = f"{reminders.product.stack.stack_name}/directory"
    known = secrets.get_secret_value(SecretId=name)["SecretString"]
    wrong = {**json.loads(known), "password": "Wr0ng-password"}
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(wrong))
    try:
        ended = run(reminders)
    finally:
        secrets.put_secret_value(SecretId=name, SecretString=known)
    assert "DirectoryLoginError" in ended.cause
    assert "Wr0ng-password" not in json.dumps(ended.events, default=str)


def test_directory_users_are_reminded_though_iam_refuses(reminders: Reminders) -> None:
    denied = fault("iam", "GenerateCredentialReport", "AccessDenied")
    mailed = Mailed(reminders)
    ended = run(reminders, denied)
    assert ended.states[-1] == "Incomplete"
    assert "iam: AccessDeniedError" in ended.cause
    assert len(mailed()) == len(DUE)


@pytest.mark.parametrize("error", ["ReportNotPresent", "ReportExpired", "ReportInProgress"])
def test_a_credential_report_that_is_not_there_yet_is_waited_for(reminders: Reminders, error: str) -> None:
    waiting = {"service": "iam", "action": "GetCredentialReport", "error": error, "status": 410, "times": 3}
    ended = run(reminders, waiting, user=IAM_USER)
    assert len(json.loads(ended.description["output"])["answers"]) == 1


def test_an_account_whose_passwords_never_expire_has_no_one_to_remind(reminders: Reminders) -> None:
    iam = reminders.product.client("iam")
    iam.delete_account_password_policy()
    try:
        ended = run(reminders)
    finally:
        iam.update_account_password_policy(MaxPasswordAge=90)
    assert ended.states[-1] == "Reported"
    assert IAM_USER not in reminders.report(ended)


@pytest.mark.parametrize(
    "trouble",
    [
        [
            smtp("Connect", "421", "Too many connections", times=1),
            smtp("Login", "454", "Temporary authentication failure", times=1),
            smtp("Login", "535", "Authentication Credentials Invalid", times=1),
        ],
        # One mail after the other, as each is tried five times.
        [
            smtp("Data", "451", "Temporary service failure", times=2),
            smtp("Data", "454", RATE, times=3, after=1),
            smtp("Data", crash=True, times=1, after=2),
            smtp("Mail", "421", "Closing", times=1, after=9),
        ],
    ],
    ids=["as it connects", "as it mails"],
)
def test_transient_faults_leave_no_user_out(reminders: Reminders, trouble: list[dict[str, Any]]) -> None:
    mailed = Mailed(reminders)
    with reminders.product.faults(*trouble) as hits:
        ended = reminders.run()
        assert hits() == [each["times"] for each in trouble]
    assert ended.states[-1] == "Reported", ended.cause
    assert len(mailed()) == len(DUE) + 1
    assert set(mailed().values()) == {1}


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (smtp("Data", "454", DAILY_QUOTA, times=None, after=2), "MailQuotaExceededError"),
        (smtp("Login", "535", "Authentication Credentials Invalid", times=None), "CredentialsRefusedError"),
    ],
    ids=["quota", "535 for good"],
)
def test_what_stops_the_run_is_told_and_another_run_mails_the_rest(
    reminders: Reminders, trouble: dict[str, Any], words: str
) -> None:
    mailed = Mailed(reminders)
    ended = run(reminders, trouble)
    assert (ended.status, ended.states[-1]) == ("FAILED", "Incomplete")
    assert words in ended.cause
    assert "not sent" in outcomes(reminders, ended).values()
    run(reminders)
    assert len(mailed()) == len(DUE) + 1
    assert set(mailed().values()) == {1}


def test_senders_that_went_on_after_the_run_was_stopped_are_in_the_report(reminders: Reminders) -> None:
    """What ends one batch for good aborts the others, while their functions go on mailing."""
    first = smtp("Data", "454", DAILY_QUOTA)
    others = smtp("Data", delay_seconds=0.5, times=None)
    with reminders.variables("PlanReminders", SEND_RATE="0.05"):  # one mail a batch
        # So that every sender runs: one that had to start would be longer about it than the scaled wait.
        run(reminders)
        reminders.forget()
        mailed = Mailed(reminders)
        ended = run(reminders, first, others)
    assert ended.states[-4:] == ["AwaitSenders", "Report", "Outcome", "Incomplete"]
    told = {row["mail"] for row in reminders.report(ended).values() if row["outcome"] == "mailed"}
    assert told == set(mailed())
    assert told


def test_a_refused_recipient_fails_that_mail_only(reminders: Reminders) -> None:
    mailed = Mailed(reminders)
    ended = run(reminders, smtp("Recipient", "550", "No such user", match="due7@", times=None))
    assert ended.states[-1] == "Reported"
    row = reminders.report(ended)["due7"]
    assert row["outcome"] == "failed"
    assert "550 No such user" in row["reason"]
    assert len(mailed()) == len(DUE)


def test_a_batch_that_cannot_be_sent_is_named_and_does_not_hold_up_the_report(reminders: Reminders) -> None:
    ended = run(reminders, hangs("SendReminders"))
    assert ended.states[-1] == "Incomplete"
    assert f"{len(DUE) + 1} not sent" in ended.cause


def test_a_lost_answer_mails_no_user_twice(reminders: Reminders) -> None:
    lost = {"service": "lambda", "action": "Invoke", "match": "SendRemindersFunction", "crash": True}
    mailed = Mailed(reminders)
    ended = run(reminders, {**lost, "late": True})
    assert ended.states[-1] == "Reported"
    assert set(outcomes(reminders, ended).values()) == {"mailed", *OTHERS.values()}
    assert set(mailed().values()) == {1}


def test_a_run_stopped_in_the_middle_and_started_again_mails_no_user_twice(
    reminders: Reminders,
) -> None:
    mailed = Mailed(reminders)
    product = reminders.product
    with product.faults(smtp("Mail", delay_seconds=0.3, times=None)):
        arn = reminders.start()
        wait_for("the first mail", mailed)
        product.client("stepfunctions").stop_execution(executionArn=arn)
    ended = run(reminders)
    assert ended.states[-1] == "Reported", ended.cause
    assert len(mailed()) == len(DUE) + 1
    assert set(mailed().values()) == {1}


def test_a_crash_between_mail_and_record_repeats_that_mail_and_loses_none(reminders: Reminders) -> None:
    """What was mailed but not recorded waits until its sender's time is over, and is then sent again."""
    mailed = Mailed(reminders)
    ended = run(reminders, fault("dynamodb", "PutItem", "InternalServerError", status=500))
    assert ended.states[-1] == "Incomplete"
    first = mailed()
    assert set(first.values()) == {1}
    reminders.end_what_is_in_progress()
    assert run(reminders).states[-1] == "Reported"
    assert len(mailed()) == len(DUE) + 1
    assert {address for address, number in mailed().items() if number > 1} == set(first)


@pytest.mark.parametrize("function", ["PlanReminders", "Report"])
def test_a_run_that_cannot_go_on_says_where(reminders: Reminders, function: str) -> None:
    ended = run(reminders, hangs(function))
    assert (ended.status, ended.states[-1]) == ("FAILED", "Failed")
    assert ended.cause.startswith(f"{function} failed with States.Timeout")


def test_two_triggers_at_once_mail_no_one_twice(reminders: Reminders) -> None:
    mailed = Mailed(reminders)
    scheduled_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    arns = [reminders.start(scheduled_at=scheduled_at) for _ in range(2)]
    ends = [reminders.product.wait_for_end(arn, seconds=300) for arn in arns]
    assert [ended.states[-1] for ended in ends] == ["Reported"] * 2
    assert len(mailed()) == len(DUE) + 1
    assert set(mailed().values()) == {1}


def test_every_transition_was_taken() -> None:
    assert transitions(DEFINITION) - seen == set()
