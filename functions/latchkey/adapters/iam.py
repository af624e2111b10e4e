"""IAM: who a user is, what password the account demands, and the login profile that holds it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors
from latchkey.domain.password_change import CHANGE_ACTION, Answer, question
from latchkey.domain.passwords import PasswordPolicy
from latchkey.domain.users import IamUser, LoginProfile, Protection, ensure_not_protected
from latchkey.errors import (
    AccessDeniedError,
    EntityTemporarilyUnmodifiableError,
    PasswordPolicyViolationError,
    ReportNotReadyError,
    UserNotEligibleError,
    UserNotFoundError,
)
from latchkey.observability import logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_iam.paginator import GetAccountAuthorizationDetailsPaginator

#: Users that IAM describes in one call, with all their policies, and the seconds in which it has to begin: it
#: promises none, and its function has a minute.
_USERS_IN_PAGE = 300
_PAGE_CONFIG = CLIENT_CONFIG.merge(Config(read_timeout=15))

_iam = boto3.client("iam", config=CLIENT_CONFIG)


def find_user(name: str) -> IamUser:
    """Return the user of that name.

    Raises:
        UserNotFoundError: when the account has no such user.
    """
    missing = {"NoSuchEntity": UserNotFoundError, "ValidationError": UserNotFoundError}
    try:
        with translate_errors("look up the user", missing):
            user = _iam.get_user(UserName=name)["User"]
    except UserNotFoundError:
        # What was typed may be a password, and IAM's own words repeat it.
        raise UserNotFoundError("The account has no user of that name.") from None
    return _user(user)


def list_users() -> Iterator[IamUser]:
    """Yield all users with their tags: `ListUsers` has none, and `ListUserTags` is a call for each user."""
    pages = _paginator().paginate(Filter=["User"], PaginationConfig={"PageSize": _USERS_IN_PAGE})
    with translate_errors("list the users"):
        for page in pages:
            yield from map(_user, page["UserDetailList"])


@cache
def _paginator() -> GetAccountAuthorizationDetailsPaginator:
    """Make the client that waits for pages when it is needed, for a listing an hour, and only once."""
    return boto3.client("iam", config=_PAGE_CONFIG).get_paginator("get_account_authorization_details")


def _user(found: Any) -> IamUser:  # noqa: ANN401  # two calls of IAM describe users alike, by different types
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
    return IamUser(found["UserName"], found["Path"], tags, found.get("PasswordLastUsed"), arn=found["Arn"])


def find_eligible_user(name: str, protection: Protection) -> IamUser:
    """Return the user of that name, if IAM says now that the user may be reset.

    Each function that changes an account, or mails what leads to its password, asks this by itself: what an
    earlier state found is a hint, and may have changed.

    Raises:
        UserNotFoundError: when the account has no such user.
        UserNotEligibleError: when the user is protected or has no console access.
    """
    return ensure_eligible(find_user(name), protection)


def ensure_eligible(user: IamUser, protection: Protection) -> IamUser:
    """Return a user just found, with groups, if IAM says that the user may be reset.

    Raises:
        UserNotEligibleError: when the user is protected or has no console access.
    """
    user = replace(user, groups=groups_of(user.name))
    ensure_not_protected(user, protection)
    login_profile(user.name)
    return user


def groups_of(name: str) -> frozenset[str]:
    """Return the names of the groups the user is in.

    Raises:
        UserNotFoundError: when the account has no such user any more.
    """
    with translate_errors("list the user's groups", {"NoSuchEntity": UserNotFoundError}):
        pages = _iam.get_paginator("list_groups_for_user").paginate(UserName=name)
        return frozenset(group["GroupName"] for page in pages for group in page["Groups"])


def login_profile(name: str) -> LoginProfile:
    """Return what IAM says about the user's password.

    Raises:
        UserNotEligibleError: when the user has no password at all, so no console access.
    """
    try:
        with translate_errors("read the login profile", {"NoSuchEntity": UserNotEligibleError}):
            profile = _iam.get_login_profile(UserName=name)["LoginProfile"]
    except UserNotEligibleError:
        raise UserNotEligibleError(f"{name} has no console password.") from None
    return LoginProfile(profile.get("PasswordResetRequired", False), profile["CreateDate"])


def set_password(name: str, password: str) -> None:
    """Give the user a password that has to be changed at the next sign-in.

    Raises:
        EntityTemporarilyUnmodifiableError: when IAM is still busy with an earlier change of the user.
        PasswordPolicyViolationError: when the account's policy refuses the password.
        UserNotEligibleError: when the login profile is gone; it is never created here.
    """
    meanings = {
        "EntityTemporarilyUnmodifiable": EntityTemporarilyUnmodifiableError,
        "NoSuchEntity": UserNotEligibleError,
        "PasswordPolicyViolation": PasswordPolicyViolationError,
    }
    with translate_errors("set the password", meanings):
        _iam.update_login_profile(UserName=name, Password=password, PasswordResetRequired=True)


def password_policy() -> PasswordPolicy:
    """Return what the account demands of a password now; IAM's own default where it set nothing."""
    with translate_errors("read the account's password policy"):
        try:
            policy = _iam.get_account_password_policy()["PasswordPolicy"]
        except _iam.exceptions.NoSuchEntityException:
            return PasswordPolicy()
    return PasswordPolicy(
        minimum_length=policy["MinimumPasswordLength"],
        maximum_age_days=policy.get("MaxPasswordAge") or None,
        users_may_change=policy["AllowUsersToChangePassword"],
    )


def why_change_is_denied(user: IamUser) -> str:
    """Say why the user could not choose a password after a reset; empty where they can.

    Also empty where IAM does not let the function ask
    (docs/decisions/0065-who-may-not-change-the-password.md).
    """
    allowed_to_all = password_policy().users_may_change
    try:
        has_device = _has_mfa_device(user.name)
        if _may_change(user, with_mfa=has_device, allowed_to_all=allowed_to_all):
            return ""
        if not has_device and _may_change(user, with_mfa=True, allowed_to_all=allowed_to_all):
            return f"{user.name} has no MFA device, and a policy denies {CHANGE_ACTION} without MFA."
    except AccessDeniedError as error:
        logger.warning("Not known whether the user may change the password: %s", error)
        return ""
    return f"IAM does not let {user.name} change the password that a reset asks to be changed."


def _has_mfa_device(name: str) -> bool:
    with translate_errors("list the user's MFA devices", {"NoSuchEntity": UserNotFoundError}):
        return bool(_iam.list_mfa_devices(UserName=name, MaxItems=1)["MFADevices"])


def _may_change(user: IamUser, *, with_mfa: bool, allowed_to_all: bool) -> bool:
    with translate_errors("simulate the user's policies", {"NoSuchEntity": UserNotFoundError}):
        results = _iam.simulate_principal_policy(**question(user.arn, with_mfa=with_mfa))["EvaluationResults"]
    return Answer.of(results).lets_change(allowed_to_all=allowed_to_all)


def credential_report() -> str:
    """Return the account's credential report as CSV; IAM makes a new one at most every four hours.

    Raises:
        ReportNotReadyError: while IAM is making it.
    """
    with translate_errors("ask for the credential report"):
        state = _iam.generate_credential_report()["State"]
    if state != "COMPLETE":
        raise ReportNotReadyError(f"IAM is making the credential report: {state}.")
    absent = dict.fromkeys(("ReportNotPresent", "ReportExpired", "ReportInProgress"), ReportNotReadyError)
    with translate_errors("read the credential report", absent):
        return _iam.get_credential_report()["Content"].decode()
