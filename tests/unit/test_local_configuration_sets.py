"""Who may send from an identity of the local cloud that has a default configuration set."""

import json

import pytest

from local.emulator.patches import configuration_sets
from local.emulator.patches.base import module
from local.emulator.smtp import EmulatedAccounts
from tests.unit.callers import ACCOUNT, REGION, make_caller, may, patch_permissions
from tests.unit.coroutines import result_of

SENDER = "us@example.com"
ARN = f"arn:aws:ses:{REGION}:{ACCOUNT}"
SEND = {"Effect": "Allow", "Action": "ses:Send*", "Condition": {"StringEquals": {"ses:FromAddress": SENDER}}}


def may_send() -> bool:
    mails = "/v2/email/outbound-emails"
    return may("ses", "SendEmail", path=mails, FromEmailAddress=f"Us <{SENDER}>", Content={})


@pytest.fixture(params=[SENDER, "example.com"], autouse=True)
def identity(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Verify an identity, the address or its domain, and give it a default configuration set."""
    patch_permissions(monkeypatch)
    ses = module("services.ses_v2", "handle_request")
    monkeypatch.setattr(ses, "handle_request", ses.handle_request)
    ses.reset()
    configuration_sets.apply()
    identity = str(request.param)
    body = json.dumps({"EmailIdentity": identity}).encode()
    result_of(ses.handle_request("POST", "/v2/email/identities", {}, body, {}))
    give_default(identity, "tracked")
    return identity


def give_default(identity: str, name: str | None) -> None:
    ses, body = module("services.ses_v2"), json.dumps({"ConfigurationSetName": name} if name else {}).encode()
    path = f"/v2/email/identities/{identity}/configuration-set"
    assert result_of(ses.handle_request("PUT", path, {}, body, {}))[0] == 200


def test_a_permission_for_the_identity_alone_is_not_enough(identity: str) -> None:
    make_caller(SEND | {"Resource": f"{ARN}:identity/*"})
    assert not may_send()
    give_default(identity, None)
    assert may_send()


def test_a_permission_for_identity_and_configuration_set_is_enough() -> None:
    make_caller(SEND | {"Resource": [f"{ARN}:identity/*", f"{ARN}:configuration-set/*"]})
    assert may_send()


def test_mails_by_smtp_are_authorised_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def enforce(*_: object, resource_arn: str, **__: object) -> None:
        asked.extend((str(resource_arn), *getattr(resource_arn, "others", ())))

    monkeypatch.setattr(module("core.iam_evaluator"), "enforce", enforce)
    EmulatedAccounts().may_send("AKIA", SENDER)
    assert asked == [f"{ARN}:identity/{SENDER}", f"{ARN}:configuration-set/tracked"]
