"""IAM's users with a console password."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.readers import NotThereError, asking
from cli.rules.people import People, Person
from latchkey.domain.password_change import Answer, question
from latchkey.domain.users import IamUser, Protection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import UserDetailTypeDef

    from cli.scope import Scope

#: IAM makes a report in seconds; a new one at most every four hours.
_REPORT_SECONDS = 60


def read_people(scope: Scope) -> People:
    """Read the users with a console password, and whether they may change it.

    Raises:
        TimeoutError: when IAM does not make its credential report in time.
    """
    iam = scope.session.client("iam")
    rights = _Rights(iam, allowed_to_all=_all_may_change(iam), known={})
    has_device = {
        row["user"]: row["mfa_active"].lower() == "true"
        for row in _credential_report(iam)
        if row["password_enabled"].lower() == "true"  # a column, no password
    }
    pages = iam.get_paginator("get_account_authorization_details").paginate(Filter=["User"])
    return People(
        everyone=tuple(
            rights.of(user, has_device=has_device[user["UserName"]])
            for page in pages
            for user in page["UserDetailList"]
            if user["UserName"] in has_device
        ),
        protection=Protection.of(scope.parameter("ProtectedPathPrefix"), scope.parameter("ProtectedGroups")),
        suppressed=frozenset(_suppressed(scope)),
    )


@dataclass(frozen=True, slots=True)
class _Rights:
    """Who may change their own password; asks IAM's simulation once for each set of policies."""

    iam: IAMClient
    allowed_to_all: bool
    known: dict[object, bool]

    def of(self, user: UserDetailTypeDef, *, has_device: bool) -> Person:
        """Return a person with what they may."""
        may_change = self._may_change(user, with_mfa=has_device)
        needs_mfa = not may_change and not has_device and self._may_change(user, with_mfa=True)
        tags = {tag["Key"]: tag["Value"] for tag in user.get("Tags", [])}
        groups = frozenset(user.get("GroupList", []))
        return Person(IamUser(user["UserName"], user["Path"], tags, groups=groups), may_change, needs_mfa)

    def _may_change(self, user: UserDetailTypeDef, *, with_mfa: bool) -> bool:
        policies = (
            with_mfa,
            frozenset(user.get("GroupList", [])),
            frozenset(each["PolicyArn"] for each in user.get("AttachedManagedPolicies", [])),
            str(user.get("UserPolicyList", [])),
            user.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        )
        if policies not in self.known:
            self.known[policies] = self._simulate(user["Arn"], with_mfa=with_mfa)
        return self.known[policies]

    def _simulate(self, arn: str, *, with_mfa: bool) -> bool:
        answer = self.iam.simulate_principal_policy(**question(arn, with_mfa=with_mfa))
        return Answer.of(answer["EvaluationResults"]).lets_change(allowed_to_all=self.allowed_to_all)


def _all_may_change(iam: IAMClient) -> bool:
    try:
        with asking():
            policy = iam.get_account_password_policy()["PasswordPolicy"]
    except NotThereError:
        return False
    return policy["AllowUsersToChangePassword"]


def _credential_report(iam: IAMClient) -> Iterator[dict[str, str]]:
    """Yield the rows of the account's credential report, which IAM may first have to make."""
    deadline = time.monotonic() + _REPORT_SECONDS
    while iam.generate_credential_report()["State"] != "COMPLETE":
        if time.monotonic() > deadline:
            raise TimeoutError("IAM does not finish its credential report.")
        time.sleep(1)  # IAM takes seconds, and has no waiter for it.
    yield from csv.DictReader(iam.get_credential_report()["Content"].decode().splitlines())


def _suppressed(scope: Scope) -> Iterator[str]:
    """Yield the addresses that SES takes mails to and does not deliver, for reasons the account chose."""
    ses = scope.session.client("sesv2")
    reasons = ses.get_account().get("SuppressionAttributes", {}).get("SuppressedReasons", [])
    if not reasons:
        return
    page = ses.list_suppressed_destinations(Reasons=reasons)
    while True:
        yield from (each["EmailAddress"].lower() for each in page["SuppressedDestinationSummaries"])
        if not page.get("NextToken"):
            return
        page = ses.list_suppressed_destinations(Reasons=reasons, NextToken=page["NextToken"])
