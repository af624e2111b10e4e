"""The runbook, pasted into a shell: each command of docs/operations.md and the README's *Deploy*, in order.

Each incident is made first; then its section, and nothing else, finds the cause and mends it.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from local.driver.faults import failing, hangs
from local.driver.product import Product, wait_for
from local.driver.reminders import Reminders
from local.seed import ADMIN
from tests.e2e.shell import PasteError, Shell
from tools.commands import command_blocks

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"
README = ROOT / "README.md"
DEPLOY = "Deploy it to AWS"
OLD_PASSWORD = "0ld-Password-of-the-user"
SMTP_DOWN = {"service": "smtp", "action": "Connect", "crash": True, "times": None}
QUICK = '{"overlap_seconds": 0, "grace_seconds": 0}'
IMPATIENT = '{"overlap_seconds": 0, "grace_seconds": 0, "verify_seconds": 0}'

#: The lines at which the blocks begin that were pasted; the last test looks for those that never were.
pasted: set[tuple[str, int]] = set()


@pytest.fixture(scope="module")
def shell(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Open a shell with the credentials of an administrator."""
    stack = product.stack
    environment = {
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with closing(Shell(tmp_path_factory.mktemp("home"), environment)) as opened:
        yield opened


class Runbook:
    """The runbook in an operator's hands."""

    def __init__(self, shell: Shell, product: Product) -> None:
        self.shell = shell
        self.product = product

    def paste(self, heading: str, document: Path = OPERATIONS, **changed: str) -> list[str]:
        """Paste what stands below a heading, and return what each block said.

        Args:
            heading: the section's.
            document: the file it stands in.
            changed: what the operator puts in place of the example's `alice`, `password` and the like.
        """
        blocks = [block for block in command_blocks(document) if block.heading == heading]
        assert blocks, f"{document.name} has no commands below {heading}"
        used = {name for name in changed for block in blocks if EXAMPLES[name] in block.text}
        assert used == changed.keys(), f"{document.name} names no such example below {heading}"
        said = []
        for block in blocks:
            text = block.text
            for name, value in changed.items():
                text = text.replace(EXAMPLES[name], value)
            said.append(self.shell.paste(text))
            pasted.add((document.name, block.line))
        return said

    def check(self) -> str:
        """Return what `latchkey check` finds; other tests leave something to find."""
        return self.shell.paste("latchkey check || true")

    def hear(self, alarm: str) -> None:
        """Wait for the mail that says that an alarm rang."""
        self.product.wait_for_mail(ADMIN, f'ALARM: "{self.product.stack.stack_name}-{alarm}-')

    def fails(self, user: str) -> str:
        """Let a reset of a user fail, follow the runbook's alarm section, and return its answer."""
        self.product.wait_for_end(self.product.start_reset(user))
        self.hear("ResetFailedAlarm")
        (said,) = self.paste("ResetFailedAlarm")
        return told_of(user, said)

    def start(self, machine: str, given: str = "{}") -> None:
        """Start an execution, and wait for its end."""
        arn = self.product.stack.outputs[f"{machine}StateMachineArn"]
        started = self.product.client("stepfunctions").start_execution(stateMachineArn=arn, input=given)
        self.product.wait_for_end(started["executionArn"], seconds=300)


def told_of(who: str, said: str) -> str:
    """Return what `latchkey list --failed` says of the last execution of a user or a machine."""
    parts = re.split(r"^(?=\S.*: [A-Z_]+, \d{4}-\d\d-\d\d )", said, flags=re.MULTILINE)
    return next(part for part in parts if who in part.partition("\n")[0])


#: What the documents name as an example, and an operator replaces.
EXAMPLES = {
    "stack": "latchkey-prod",
    "user": "alice@example.com",
    "secret": "latchkey/directory",
    "password": "…",
    "execution": "EXECUTION",
    "pool": "eu-central-1_Example",
}


@pytest.fixture(scope="module")
def runbook(shell: Shell, product: Product) -> Runbook:
    """Begin as the document does."""
    opened = Runbook(shell, product)
    # As an operator has it who installed it.
    installed = f"PYTHONPATH='{ROOT / 'functions'}:{ROOT}' '{sys.executable}' -m cli"
    shell.paste(f'latchkey() {{ {installed} "$@"; }}')
    opened.paste("Operations", stack=product.stack.stack_name)
    return opened


@pytest.fixture
def user(product: Product) -> str:
    return product.create_user(OLD_PASSWORD)


def signs_in(product: Product, user: str) -> bool:
    return bool(product.sign_in(user, OLD_PASSWORD)["signed_in"])


def resets(product: Product, user: str) -> None:
    """See that a reset of the user works."""
    arn = product.start_reset_and_claim(user)
    assert product.wait_for_end(arn).states[-1] == "Claimed"


def rotations_end(product: Product) -> None:
    """Wait until no rotation runs."""
    arn, sfn = product.stack.outputs["RotationStateMachineArn"], product.client("stepfunctions")
    running = {"stateMachineArn": arn, "statusFilter": "RUNNING"}
    wait_for("the end of the rotation", lambda: not sfn.list_executions(**running)["executions"], 300)


def last_rotation(product: Product) -> str:
    arn, sfn = product.stack.outputs["RotationStateMachineArn"], product.client("stepfunctions")
    return str(sfn.list_executions(stateMachineArn=arn)["executions"][0]["status"])


# The README's way to a stage


def test_deploying(runbook: Runbook) -> None:
    product = runbook.product
    said = runbook.shell.paste(f"API_ADDRESS={product.stack.api_url}") + "".join(deployed(runbook))
    assert "Your request has been submitted" in said


def deployed(runbook: Runbook) -> Iterator[str]:
    product = runbook.product
    for block in [block for block in command_blocks(README) if block.heading == DEPLOY]:
        text = block.text.replace("latchkey-prod", product.stack.stack_name)
        # The local cloud's API is at no address of Amazon's.
        text = text.replace('"$API_URL/generate"', '"$API_ADDRESS/generate"')
        yield runbook.shell.paste(text.replace("you@example.com", "bob@example.com"))
        pasted.add((README.name, block.line))


# What goes wrong in a reset


def test_validating_is_denied(runbook: Runbook, user: str) -> None:
    iam, function = runbook.product.client("iam"), "ValidateUserRole"
    role = runbook.product.client("cloudformation").describe_stack_resource(
        StackName=runbook.product.stack.stack_name, LogicalResourceId=function
    )["StackResourceDetail"]["PhysicalResourceId"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    (taken,) = (each["PolicyArn"] for each in attached if "ReadUsersPolicy" in each["PolicyName"])
    iam.detach_role_policy(RoleName=role, PolicyArn=taken)
    try:
        assert "ValidateUser failed with AccessDeniedError: Could not look up the user" in runbook.fails(user)
        shared, own = runbook.paste("A call is denied")
    finally:
        iam.attach_role_policy(RoleName=role, PolicyArn=taken)
    assert "PublishEventsPolicy" in shared
    assert "ReadUsersPolicy" not in shared
    assert "ses:GetEmailIdentity" in own
    assert signs_in(runbook.product, user)
    resets(runbook.product, user)


def test_ses_refuses(runbook: Runbook, user: str) -> None:
    runbook.product.client("sesv2").put_account_sending_attributes(SendingEnabled=False)
    assert "ValidateUser failed with MailRefusedError: Sending is paused" in runbook.fails(user)
    assert signs_in(runbook.product, user)
    assert "SesSendingPaused" in runbook.check()
    runbook.paste("SES refuses mails")
    resets(runbook.product, user)


def test_no_password_satisfies_the_policy(runbook: Runbook, user: str) -> None:
    iam = runbook.product.client("iam")
    iam.update_account_password_policy(MinimumPasswordLength=14)
    refused = {"service": "iam", "action": "UpdateLoginProfile", "error": "PasswordPolicyViolation"}
    try:
        with runbook.product.faults(refused | {"times": 1}):
            assert "ResetIamPassword failed with PasswordPolicyViolationError" in runbook.fails(user)
        assert '"MinimumPasswordLength": 14' in runbook.paste("No password satisfies the policy")[0]
    finally:
        iam.delete_account_password_policy()


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
def test_a_key_that_cannot_be_used_is_found_and_enabled_again(
    runbook: Runbook, user: str, state: str
) -> None:
    kms, key = runbook.product.client("kms"), runbook.product.stack.outputs["ClaimKeyArn"]
    if state == "Disabled":
        kms.disable_key(KeyId=key)
    else:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert "GeneratePassword failed with SealBrokenError" in runbook.fails(user)
    assert signs_in(runbook.product, user)
    if state == "Disabled":
        # Cancelling is for a key that is pending deletion alone.
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert "KeyUnusable" in runbook.check()
    runbook.paste("The key is disabled or pending deletion")
    resets(runbook.product, user)


def test_a_claim_is_revoked(runbook: Runbook, user: str) -> None:
    runbook.product.start_reset_and_claim(user)
    runbook.product.revoke(runbook.product.wait_for_notice(user)).raise_for_status()
    runbook.hear("ClaimRevokedAlarm")
    found, _ = runbook.paste("ClaimRevokedAlarm")
    assert "127.0.0.1" in found
    assert runbook.shell.paste('echo "$USER_NAME"').strip() == user
    attached = runbook.product.client("iam").list_attached_user_policies(UserName=user)["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AWSDenyAll"]


def test_the_api_answers_with_errors(runbook: Runbook) -> None:
    denied = {"service": "states", "action": "StartExecution", "error": "AccessDeniedException", "times": 1}
    with runbook.product.faults(denied):
        assert runbook.product.request("bob@example.com").status_code == 500
    assert "AccessDeniedError" in runbook.paste("ApiErrorAlarm")[0]


def test_an_execution_was_stopped(runbook: Runbook, user: str) -> None:
    arn = runbook.product.start_reset(user)
    runbook.product.wait_until_claimable(user)
    runbook.product.client("stepfunctions").stop_execution(executionArn=arn)
    runbook.product.make_due(user)
    runbook.start("Cleanup")
    runbook.hear("OrphansFoundAlarm")
    (said,) = runbook.paste("OrphansFoundAlarm")
    assert user in said
    assert arn.rpartition(":")[2] in said
    assert not signs_in(runbook.product, user)


def test_the_cleanup_failed(runbook: Runbook) -> None:
    with runbook.product.faults(hangs("FindOrphans")):
        runbook.start("Cleanup")
    runbook.hear("CleanupFailedAlarm")
    assert "FindOrphans failed with States.Timeout" in runbook.paste("CleanupFailedAlarm")[0]


# What goes wrong with the SMTP credentials


def test_smtp_is_down_in_a_rotation(runbook: Runbook) -> None:
    with runbook.product.faults(SMTP_DOWN):
        runbook.start("Rotation", IMPATIENT)
    runbook.hear("RotationFailedAlarm")
    assert "VerifyCredentials failed with SmtpUnavailableError" in runbook.paste("RotationFailedAlarm")[0]


# What goes wrong with the reminders


@pytest.fixture(scope="module")
def reminders(product: Product) -> Iterator[Reminders]:
    """Let passwords of IAM users expire."""
    assert product.cloud.directory, "this needs a directory"
    iam = product.client("iam")
    iam.update_account_password_policy(MaxPasswordAge=90)
    yield Reminders(product)
    iam.delete_account_password_policy()


def reminded(runbook: Runbook) -> str:
    """Return what the runbook's commands tell of the run that failed, the last one."""
    runbook.hear("RemindersFailedAlarm")
    machine, sfn = runbook.product.stack.outputs["RemindersStateMachineArn"], "stepfunctions"
    listed = runbook.product.client(sfn).list_executions(stateMachineArn=machine, maxResults=1)
    name = listed["executions"][0]["name"]
    told, report = runbook.paste("RemindersFailedAlarm", execution=name)
    last = told_of("reminders: ", told)
    assert name in last
    return f"{last}\n{report}"


def test_smtp_is_down_in_the_reminders(runbook: Runbook, reminders: Reminders) -> None:
    reminders.forget()
    # The sender's first try finds that out; each further one would take ten seconds for the same.
    with runbook.product.faults(SMTP_DOWN, failing("SendReminders", "SmtpUnavailableError", after=1)):
        reminders.run()
    said = reminded(runbook)
    assert "not sent: SmtpUnavailableError" in said
    assert "due7@" in said


def test_the_directory_is_down(runbook: Runbook, reminders: Reminders) -> None:
    with reminders.variables("ListDirectoryUsers", DIRECTORY_HOSTS="localhost:1"):
        reminders.run()
    assert "directory: DirectoryUnreachableError" in reminded(runbook)


def test_the_directory_refuses_the_service_account(runbook: Runbook, reminders: Reminders) -> None:
    secrets, name = runbook.product.client("secretsmanager"), f"{runbook.product.stack.stack_name}/directory"
    known = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps({**known, "password": "Wr0ng-password"}))
    reminders.run()
    assert "directory: DirectoryLoginError" in reminded(runbook)
    account = {"username": known["username"], "password": known["password"]}
    runbook.paste("The directory refuses the service account", secret=name, password=account["password"])
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(account))
    assert reminders.run().states[-1] == "Reported"


def test_the_reminders_were_missed(runbook: Runbook) -> None:
    sfn, machine = runbook.product.client("stepfunctions"), "RemindersStateMachineArn"
    started = sfn.start_execution(stateMachineArn=runbook.product.stack.outputs[machine])["executionArn"]
    sfn.stop_execution(executionArn=started)
    assert started.rpartition(":")[2] in runbook.paste("RemindersMissedAlarm")[0]


# What people ask for


def without_address(product: Product) -> str:
    iam = product.client("iam")
    iam.create_user(UserName="no-address")
    iam.create_login_profile(UserName="no-address", Password=OLD_PASSWORD)
    return "no-address"


def suppressed(product: Product) -> str:
    name = product.create_user(OLD_PASSWORD)
    product.client("sesv2").put_suppressed_destination(EmailAddress=name, Reason="BOUNCE")
    return name


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (without_address, "no mail address: neither the tag 'email' nor the user name is one"),
        (suppressed, "is on SES's suppression list"),
        (lambda _: "unknown@example.com", "UserNotFoundError"),
    ],
    ids=["user without address", "suppressed address", "unknown user"],
)
def test_a_user_got_no_mail(runbook: Runbook, who: Callable[[Product], str], words: str) -> None:
    user = who(runbook.product)
    runbook.product.wait_for_end(runbook.product.start_reset(user))
    assert words in runbook.paste("Someone got no mail", user=user)[0]


# What an operator does


def test_letting_people_sign_in_on_the_page(runbook: Runbook) -> None:
    cognito = runbook.product.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
    client = runbook.paste("Sign-in on the page", pool=pool)[0].strip()
    found = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client)["UserPoolClient"]
    assert found["CallbackURLs"] == [f"{runbook.product.stack.outputs['ApiUrl']}/generate"]
    assert "ClientSecret" not in found
    assert found["PreventUserExistenceErrors"] == "ENABLED"


def test_rotating_now(runbook: Runbook) -> None:
    runbook.paste("Rotate now")
    rotations_end(runbook.product)
    assert last_rotation(runbook.product) == "SUCCEEDED"


@contextmanager
def a_rotation_that_overlaps(runbook: Runbook) -> Iterator[str]:
    """Start a rotation that waits after its promotion; yields the version that was current before."""
    product = runbook.product
    secrets, secret = product.client("secretsmanager"), f"{product.stack.stack_name}/smtp"
    before = secrets.get_secret_value(SecretId=secret)["VersionId"]
    sfn, arn = product.client("stepfunctions"), product.stack.outputs["RotationStateMachineArn"]
    started = sfn.start_execution(
        stateMachineArn=arn, input='{"overlap_seconds": 86400, "grace_seconds": 86400}'
    )
    product.wait_for_state(started["executionArn"], "Overlap")
    yield before
    assert product.wait_for_end(started["executionArn"]).status == "ABORTED"


def test_rolling_back(runbook: Runbook) -> None:
    secrets = runbook.product.client("secretsmanager")
    with a_rotation_that_overlaps(runbook) as before:
        runbook.paste("Roll back to the old SMTP credentials")
        current = secrets.get_secret_value(SecretId=f"{runbook.product.stack.stack_name}/smtp")
        assert current["VersionId"] == before
    runbook.start("Rotation", QUICK)
    assert last_rotation(runbook.product) == "SUCCEEDED"


def test_two_unknown_keys(runbook: Runbook) -> None:
    iam = runbook.product.client("iam")
    smtp_user = runbook.shell.paste('echo "$SMTP_USER"').strip()
    for key in iam.list_access_keys(UserName=smtp_user)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=smtp_user, AccessKeyId=key["AccessKeyId"])
    for _ in range(2):
        iam.create_access_key(UserName=smtp_user)
    runbook.start("Rotation", QUICK)
    assert "KeyLimitError" in runbook.paste("RotationFailedAlarm")[0]
    runbook.paste("Two unknown access keys")
    runbook.start("Rotation", QUICK)
    assert last_rotation(runbook.product) == "SUCCEEDED"


def test_the_secret_is_lost(runbook: Runbook) -> None:
    secrets, name = runbook.product.client("secretsmanager"), f"{runbook.product.stack.stack_name}/smtp"
    restoring, making = [
        block.text for block in command_blocks(OPERATIONS) if block.heading == "The SMTP secret is lost"
    ]
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    runbook.start("Rotation", QUICK)
    assert "CredentialsGoneError" in runbook.paste("RotationFailedAlarm")[0]
    runbook.shell.paste(restoring)
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    runbook.start("Rotation", QUICK)
    said = runbook.paste("RotationFailedAlarm")[0]
    assert "CredentialsGoneError" in said or "AccessDeniedError" in said
    runbook.shell.paste(making)
    pasted.update(
        (OPERATIONS.name, block.line)
        for block in command_blocks(OPERATIONS)
        if block.heading == "The SMTP secret is lost"
    )
    runbook.start("Rotation", QUICK)
    assert last_rotation(runbook.product) == "SUCCEEDED"
    assert json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])["username"]


def test_reminding_no_more(runbook: Runbook) -> None:
    product = runbook.product
    iam, smtp_user = product.client("iam"), runbook.shell.paste('echo "$SMTP_USER"').strip()
    with a_rotation_that_overlaps(runbook):
        runbook.paste("Stop reminding")
    assert iam.list_access_keys(UserName=smtp_user)["AccessKeyMetadata"] == []
    runbook.start("Rotation", QUICK)
    assert last_rotation(product) == "SUCCEEDED"


def test_the_service_accounts_secret_is_made(runbook: Runbook) -> None:
    runbook.paste("Remind the users of a directory")
    secret = runbook.product.client("secretsmanager").get_secret_value(SecretId="latchkey/directory")
    assert set(json.loads(secret["SecretString"])) == {"username", "password"}


def test_trying_the_reminders(runbook: Runbook, reminders: Reminders) -> None:
    reminders.forget()
    runbook.paste("Try the reminders")
    machine, sfn = reminders.machine_arn, runbook.product.client("stepfunctions")
    running = {"stateMachineArn": machine, "statusFilter": "RUNNING"}
    wait_for("the end of the reminders", lambda: not sfn.list_executions(**running)["executions"], 300)
    statuses = [each["status"] for each in sfn.list_executions(stateMachineArn=machine)["executions"][:4]]
    assert statuses == ["SUCCEEDED"] * 4


def test_starting_a_reset_and_revoking_it(runbook: Runbook, user: str) -> None:
    product = runbook.product
    runbook.paste("Start a reset for someone", user=user)
    link = product.wait_for_link(user)
    (arn,) = product.execution_arns(user)
    product.wait_until_claimable(user)
    (row,) = [line for line in runbook.paste("See what is pending")[0].splitlines() if user in line]
    assert row.split()[-1] == arn.rpartition(":")[2]
    assert "WaitForClaim" in row
    runbook.paste("Revoke one", user=user)
    assert product.wait_for_end(arn).status == "ABORTED"
    assert product.extract(link).status_code == 410
    assert not signs_in(product, user)


def test_revoking_by_hand(runbook: Runbook, user: str) -> None:
    runbook.product.start_reset(user)
    link = runbook.product.wait_for_link(user)
    runbook.paste("Revoke by hand", user=user)
    assert runbook.product.extract(link).status_code == 410
    assert not signs_in(runbook.product, user)


def test_ending_what_runs_before_an_update(runbook: Runbook, user: str) -> None:
    product = runbook.product
    arn = product.start_reset(user)
    product.wait_for_link(user)
    runbook.paste("Update a stack from before the registry")
    assert product.wait_for_end(arn).status == "ABORTED"


# What keeps these tests honest


@pytest.mark.parametrize(
    "mistake",
    [
        "aws sesv2 get-account --no-such-option",
        'aws iam get-user --user-name "$NEVER_SET"',
        "aws iam get-user --user-name no-such-user",
        "aws iam list-users | grep no-such-user | tail -n 1",
        'NAME=$(aws iam get-user --user-name no-such-user --query User.UserName); echo "$NAME"',
        "latest_of_all",
    ],
)
def test_a_mistake_in_a_command_fails(runbook: Runbook, mistake: str) -> None:
    with pytest.raises(PasteError):
        runbook.shell.paste(mistake)


def test_every_command_was_pasted() -> None:
    """Runs last: the tests above together leave no block of commands untried."""
    wanted = {(OPERATIONS.name, block.line) for block in command_blocks(OPERATIONS)}
    wanted |= {(README.name, block.line) for block in command_blocks(README) if block.heading == DEPLOY}
    assert wanted - pasted == set()
