"""The account: what it has to have, and what it forbids, before a stack can be deployed and run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cli.findings import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.findings import Finding

#: What one reset and one reminder run use at the same time is far less; a new account is granted 10.
_FEW_FUNCTIONS = 50

_kind = partial(Kind, section="the-account")

API_LOGGING_ROLE_MISSING = _kind(
    "ApiLoggingRoleMissing",
    remedy="Deploy with CreateApiLogsRole=true: API Gateway then has a role for the logs of all its APIs.",
)
API_LOGGING_ROLE_GONE = _kind(
    "ApiLoggingRoleGone",
    remedy="Deploy with CreateApiLogsRole=true, or name another role: API Gateway console, Settings.",
)
FEW_CONCURRENT_FUNCTIONS = _kind(
    "FewConcurrentFunctions",
    remedy="Request more: Service Quotas console, AWS Lambda, Concurrent executions.",
)
PASSWORDS_NEVER_EXPIRE = _kind(
    "PasswordsNeverExpire",
    remedy="Set a maximum age in the account's password policy, or RemindIamUsers=false.",
)
REMINDED_FROM_THE_FIRST_DAY = _kind(
    "RemindedFromTheFirstDay",
    remedy="Make NotifyDays shorter than the maximum age of the account's password policy.",
)
MAY_NOT_DEPLOY = _kind(
    "MayNotDeploy",
    remedy="Sign in as a role that may, or ask for it: a policy, a boundary or the organization refuses.",
)
USERS_FORBIDDEN = _kind(
    "UsersForbidden",
    remedy="Ask for an exception for the SMTP user, or deploy without reminders.",
)
BOUNDARY_DEMANDED = _kind(
    "BoundaryDemanded",
    remedy="Ask for the boundary's ARN, and deploy with PermissionsBoundaryArn=….",
)
BOUNDARY_MISSING = _kind(
    "BoundaryMissing",
    remedy="Mend PermissionsBoundaryArn: it has to name a policy of this account.",
)
USER_POOL_MISSING = _kind(
    "UserPoolMissing", remedy="Mend UserPoolArn: it has to name a user pool, in its region."
)
HELPDESK_GROUP_MISSING = _kind(
    "HelpdeskGroupMissing",
    remedy="Create the group in the user pool, or mend HelpdeskGroup.",
)
WEB_ACL_MISSING = _kind(
    "WebAclMissing", remedy="Mend WebAclArn: it has to name a regional web ACL of this region."
)
PROTECTED_GROUP_MISSING = _kind(
    "ProtectedGroupMissing",
    remedy="Mend ProtectedGroups: a group that is spelled wrongly protects no one.",
)


@dataclass(frozen=True, slots=True)
class ApiLogging:
    """The role that API Gateway writes logs with, empty for none; `created` where the stack makes it."""

    role: str
    exists: bool
    created: bool


@dataclass(frozen=True, slots=True)
class PasswordAging:
    """How long passwords of IAM users live, in days (None: for ever), and when people are reminded."""

    max_age: int | None
    reminds: bool
    notify_days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Deployer:
    """Who deploys, and what IAM's simulation says that they may not.

    Attributes:
        name: the user's or the role's.
        denied: actions of a deployment that are refused.
        lacks_boundary: whether a policy asks for a permissions boundary where roles are created.
    """

    name: str
    denied: tuple[str, ...]
    lacks_boundary: bool


@dataclass(frozen=True, slots=True)
class Named:
    """What parameters name, and whether each thing is there; None where a parameter names nothing."""

    boundary: tuple[str, bool] | None = None
    user_pool: tuple[str, bool] | None = None
    helpdesk_group: tuple[str, bool] | None = None
    web_acl: tuple[str, bool] | None = None
    missing_groups: tuple[str, ...] = ()


def check_api_logging(logging: ApiLogging) -> Iterator[Finding]:
    """Find whether API Gateway may write the API's access log."""
    if not logging.role and not logging.created:
        yield API_LOGGING_ROLE_MISSING.found(
            "API Gateway has no role for logs in this account and region: a stage with an access log fails."
        )
    elif logging.role and not logging.exists:
        yield API_LOGGING_ROLE_GONE.found(f"API Gateway's role for logs, {logging.role}, does not exist.")


def check_concurrency(functions: int) -> Iterator[Finding]:
    """Find whether the account runs enough functions at the same time."""
    if functions < _FEW_FUNCTIONS:
        yield FEW_CONCURRENT_FUNCTIONS.found(
            f"The account runs {functions} functions at the same time; more requests than that meet errors."
        )


def check_password_policy(policy: PasswordAging) -> Iterator[Finding]:
    """Find whether reminders fit the account's password policy."""
    if not policy.reminds:
        return
    if policy.max_age is None:
        yield PASSWORDS_NEVER_EXPIRE.found(
            "RemindIamUsers is true, and the account's password policy has no maximum age: no mail is due."
        )
    elif max(policy.notify_days) >= policy.max_age:
        yield REMINDED_FROM_THE_FIRST_DAY.found(
            f"NotifyDays reminds {max(policy.notify_days)} days ahead; passwords live {policy.max_age} days."
        )


def check_deployer(deployer: Deployer) -> Iterator[Finding]:
    """Find what a deployment would be refused."""
    denied = list(deployer.denied)
    if deployer.lacks_boundary:
        denied = [action for action in denied if action not in {"iam:CreateRole", "iam:CreateUser"}]
        yield BOUNDARY_DEMANDED.found(f"{deployer.name} may create roles only with a permissions boundary.")
    if "iam:CreateUser" in denied:
        denied.remove("iam:CreateUser")
        yield USERS_FORBIDDEN.found(
            f"{deployer.name} may not create IAM users; the SMTP credentials need one."
        )
    if denied:
        yield MAY_NOT_DEPLOY.found(f"{deployer.name} may not {', '.join(denied)}.")


def check_named(named: Named) -> Iterator[Finding]:
    """Find parameters that name what is not there."""
    for kind, parameter, thing in (
        (BOUNDARY_MISSING, "PermissionsBoundaryArn", named.boundary),
        (USER_POOL_MISSING, "UserPoolArn", named.user_pool),
        (HELPDESK_GROUP_MISSING, "HelpdeskGroup", named.helpdesk_group),
        (WEB_ACL_MISSING, "WebAclArn", named.web_acl),
    ):
        if thing is not None and not thing[1]:
            yield kind.found(f"{parameter} names {thing[0]}, which does not exist.")
    if named.missing_groups:
        yield PROTECTED_GROUP_MISSING.found(
            f"ProtectedGroups names {', '.join(named.missing_groups)}, which the account does not have."
        )
