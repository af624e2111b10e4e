"""The IAM adapter: what it reads, the one thing it changes, and what IAM's refusals mean."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.client import BaseClient

from latchkey.adapters import iam
from latchkey.domain.passwords import PasswordPolicy
from latchkey.domain.users import IamUser
from latchkey.errors import (
    AccessDeniedError,
    EntityTemporarilyUnmodifiableError,
    LatchkeyError,
    PasswordPolicyViolationError,
    ServiceUnavailableError,
    ThrottledError,
    UserNotEligibleError,
    UserNotFoundError,
)
from tests.unit.stack import ALICE, IAM, PASSWORD, Stack
from tools.transform import written

SIGNED_IN_AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def test_a_user_is_found_with_path_tags_and_last_sign_in(stack: Stack) -> None:
    stack.add_user(ALICE, tags={"email": "alice@home.example"})
    stack.sign_in(ALICE, SIGNED_IN_AT)
    arn = f"arn:aws:iam::123456789012:user/{ALICE}"
    tags = {"email": "alice@home.example"}
    assert iam.find_user(ALICE) == IamUser(ALICE, "/", tags, SIGNED_IN_AT, arn=arn)


def test_a_user_who_never_signed_in_has_no_last_sign_in(stack: Stack) -> None:
    assert iam.find_user(stack.add_user()).password_last_used is None


def test_a_user_who_does_not_exist_is_not_found(stack: Stack) -> None:
    with pytest.raises(UserNotFoundError):
        iam.find_user("unknown@example.com")
    assert stack.operations() == ["GetUser"]


def test_a_user_is_found_in_every_group_however_many_pages_they_take(stack: Stack) -> None:
    stack.add_user()
    pages: list[dict[str, Any]] = [
        {"Groups": [{"GroupName": "one"}, {"GroupName": "two"}], "IsTruncated": True, "Marker": "more"},
        {"Groups": [{"GroupName": "three"}], "IsTruncated": False},
    ]
    asked: list[dict[str, Any]] = []

    def answer(sent: dict[str, Any]) -> dict[str, Any]:
        asked.append(dict(sent))
        return pages.pop(0)

    stack.answer("ListGroupsForUser", answer)
    assert iam.groups_of(ALICE) == {"one", "two", "three"}
    assert [sent.get("Marker") for sent in asked] == [None, "more"]


def test_a_page_of_users_may_take_long_and_all_its_tries_fit_into_the_function(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.add_user(ALICE)
    configs: list[Any] = []
    original = stack.call

    def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> object:
        if operation == "GetAccountAuthorizationDetails":
            configs.append(client.meta.config)
        return original(client, operation, parameters)

    monkeypatch.setattr(stack, "call", call)
    assert [user.name for user in iam.list_users()] == [ALICE]
    (config,) = configs
    tries = config.retries["total_max_attempts"]
    function = written()["Resources"]["ValidateUserFunction"]["Properties"]["Timeout"]
    assert 10 < config.read_timeout < function / tries - config.connect_timeout


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("NoSuchEntity", 404, UserNotFoundError),
        ("Throttling", 400, ThrottledError),
        ("AccessDenied", 403, AccessDeniedError),
    ],
)
def test_groups_that_cannot_be_listed_are_not_taken_for_none(
    stack: Stack, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    stack.add_user()
    stack.refuse("ListGroupsForUser", code, status)
    with pytest.raises(meaning, match="Could not list the user's groups"):
        iam.groups_of(ALICE)


@pytest.mark.parametrize("must_change", [True, False])
def test_a_login_profile_tells_whether_the_password_must_change(stack: Stack, *, must_change: bool) -> None:
    stack.add_user(must_change=must_change)
    assert iam.login_profile(ALICE).must_change is must_change


def test_a_user_without_login_profile_is_not_eligible(stack: Stack) -> None:
    stack.add_user(password=None)
    with pytest.raises(UserNotEligibleError, match=f"^{ALICE} has no console password.$"):
        iam.login_profile(ALICE)


def test_a_set_password_is_the_users_and_must_be_changed(stack: Stack) -> None:
    stack.add_user()
    iam.set_password(ALICE, PASSWORD)
    assert stack.password_of() == PASSWORD
    assert iam.login_profile(ALICE).must_change


def test_a_login_profile_is_never_created(stack: Stack) -> None:
    stack.add_user(password=None)
    with pytest.raises(UserNotEligibleError):
        iam.set_password(ALICE, PASSWORD)
    assert stack.password_of() is None
    assert "CreateLoginProfile" not in stack.operations()[2:]


def test_the_password_policy_is_the_accounts(stack: Stack) -> None:
    IAM.update_account_password_policy(MinimumPasswordLength=42, MaxPasswordAge=90)
    assert iam.password_policy() == PasswordPolicy(minimum_length=42, maximum_age_days=90)
    assert stack.operations()[-1] == "GetAccountPasswordPolicy"


@pytest.mark.usefixtures("stack")
def test_an_account_without_policy_has_iams_default() -> None:
    assert iam.password_policy() == PasswordPolicy()


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("Throttling", 400, ThrottledError),
        ("AccessDenied", 403, AccessDeniedError),
        ("ServiceFailure", 500, ServiceUnavailableError),
    ],
)
def test_what_iam_means_when_it_will_not_show_a_user(
    stack: Stack, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    stack.refuse("GetUser", code, status)
    with pytest.raises(meaning, match="Could not look up the user"):
        iam.find_user(ALICE)


@pytest.mark.parametrize(("code", "status"), [("NoSuchEntity", 404), ("ValidationError", 400)])
def test_of_a_name_the_account_has_not_nothing_is_repeated(stack: Stack, code: str, status: int) -> None:
    stack.refuse("GetUser", code, status)
    with pytest.raises(UserNotFoundError) as raised:
        iam.find_user("Summer2026")
    assert str(raised.value) == "The account has no user of that name."
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("EntityTemporarilyUnmodifiable", 409, EntityTemporarilyUnmodifiableError),
        ("PasswordPolicyViolation", 400, PasswordPolicyViolationError),
        ("NoSuchEntity", 404, UserNotEligibleError),
        ("Throttling", 400, ThrottledError),
        ("AccessDenied", 403, AccessDeniedError),
        ("ServiceFailure", 500, ServiceUnavailableError),
    ],
)
def test_what_iam_means_when_it_will_not_set_a_password(
    stack: Stack, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    stack.refuse("UpdateLoginProfile", code, status)
    with pytest.raises(meaning, match="Could not set the password") as raised:
        iam.set_password(ALICE, PASSWORD)
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("Throttling", 400, ThrottledError),
        ("AccessDenied", 403, AccessDeniedError),
        ("ServiceFailure", 500, ServiceUnavailableError),
    ],
)
def test_a_policy_that_cannot_be_read_is_not_taken_for_the_default(
    stack: Stack, code: str, status: int, meaning: type[LatchkeyError]
) -> None:
    stack.refuse("GetAccountPasswordPolicy", code, status)
    with pytest.raises(meaning):
        iam.password_policy()


def simulate(stack: Stack, *, without_mfa: str, with_mfa: str) -> None:
    """Let the simulation of policies decide so."""

    def decide(asked: dict[str, Any]) -> dict[str, Any]:
        has_mfa = asked["ContextEntries"][0]["ContextKeyValues"] == ["true"]
        return {"EvaluationResults": [{"EvalDecision": with_mfa if has_mfa else without_mfa}]}

    stack.answer("SimulatePrincipalPolicy", decide)


def let_everyone_change() -> None:
    IAM.update_account_password_policy(AllowUsersToChangePassword=True)


def give_device(user: str) -> None:
    serial = IAM.create_virtual_mfa_device(VirtualMFADeviceName="alice")["VirtualMFADevice"]["SerialNumber"]
    IAM.enable_mfa_device(
        UserName=user, SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )


def why(stack: Stack) -> str:
    return iam.why_change_is_denied(iam.find_user(stack.add_user()))


def test_a_user_whose_own_policy_lets_them_may_change_the_password(stack: Stack) -> None:
    simulate(stack, without_mfa="allowed", with_mfa="allowed")
    assert why(stack) == ""


def test_a_user_whom_no_policy_lets_may_not_change_the_password(stack: Stack) -> None:
    IAM.update_account_password_policy(AllowUsersToChangePassword=False)
    simulate(stack, without_mfa="implicitDeny", with_mfa="implicitDeny")
    assert why(stack) == f"IAM does not let {ALICE} change the password that a reset asks to be changed."


def test_without_a_password_policy_the_account_lets_no_user_change_the_password(stack: Stack) -> None:
    simulate(stack, without_mfa="implicitDeny", with_mfa="implicitDeny")
    assert "does not let" in why(stack)


def test_where_the_account_lets_everyone_change_a_user_needs_no_policy_of_their_own(stack: Stack) -> None:
    let_everyone_change()
    simulate(stack, without_mfa="implicitDeny", with_mfa="implicitDeny")
    assert why(stack) == ""


def test_a_policy_that_demands_mfa_of_a_user_without_device_is_a_deadlock(stack: Stack) -> None:
    let_everyone_change()
    simulate(stack, without_mfa="explicitDeny", with_mfa="implicitDeny")
    assert why(stack) == f"{ALICE} has no MFA device, and a policy denies iam:ChangePassword without MFA."


def test_a_user_with_a_device_signs_in_with_it(stack: Stack) -> None:
    simulate(stack, without_mfa="explicitDeny", with_mfa="allowed")
    stack.add_user()
    give_device(ALICE)
    assert iam.why_change_is_denied(iam.find_user(ALICE)) == ""
    assert len(stack.sent("SimulatePrincipalPolicy")) == 1


@pytest.mark.parametrize("operation", ["SimulatePrincipalPolicy", "ListMFADevices"])
def test_where_iam_does_not_let_the_function_ask_no_user_is_kept_out(stack: Stack, operation: str) -> None:
    stack.refuse(operation, "AccessDenied", 403)
    assert why(stack) == ""


@pytest.mark.parametrize("operation", ["SimulatePrincipalPolicy", "ListMFADevices"])
def test_a_question_that_is_throttled_is_asked_again(stack: Stack, operation: str) -> None:
    stack.refuse(operation, "Throttling")
    with pytest.raises(ThrottledError):
        why(stack)
