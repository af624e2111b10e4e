"""Resets of a directory's users, outside its network: what is asked within, and what the answer does."""

import json
import os
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from latchkey.adapters import directory, kms, registry
from latchkey.domain.action_links import LinkKind
from latchkey.domain.claims import Handle, asked_for, user_key
from latchkey.domain.resets import Item, Phase, Reset, revocation_of
from latchkey.errors import (
    AccessDeniedError,
    DirectoryChangeError,
    LatchkeyError,
    ResetInProgressError,
    ServiceUnavailableError,
    UserNotEligibleError,
    UserNotFoundError,
)
from latchkey.undoing import undo
from latchkey.web.http import Response
from reset import (
    confirm_request,
    generate_password,
    notify_claimed,
    notify_expired,
    request_reset,
    reset_directory_password,
    reset_iam_password,
    reveal_password,
    send_claim_link,
    show_page,
    validate_user,
)
from tests.unit.stack import (
    ALICE,
    CONTEXT,
    EXECUTION,
    EXPIRY,
    HANDLE,
    LINK_SECRET,
    NOW,
    PASSWORD,
    TASK_TOKEN,
    Stack,
    load_event,
)

DANA = "directory/8af02d8d-ffa8-483b-a016-16e9f430b206"
MAIL = "dana@corp.example.com"
FOUND = {"user": DANA, "name": "dana", "mail": MAIL}
KNOWN = FOUND | {"language": ""}
POLICY = {"minimum_length": 24, "forbidden": ["dana", "scully"]}


def run(function: ModuleType, **event: Any) -> Any:  # noqa: ANN401  # a function's event and result
    return function.handler({"execution": EXECUTION, **event}, CONTEXT)


def asked(stack: Stack) -> list[tuple[str, dict[str, Any]]]:
    """Return which functions inside the network were called, and with what."""
    return [(call["FunctionName"], json.loads(call["Payload"])) for call in stack.sent("Invoke")]


class TestRequest:
    @pytest.fixture(autouse=True)
    def _both(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RESETS_DIRECTORY_USERS", "true")

    def post(self, context: dict[str, object] | None = None, **fields: object) -> Response:
        event = load_event("request_reset_valid")
        context = event["requestContext"] | (context or {})
        body = json.dumps({"user": "dana", **fields})
        return request_reset.handler(event | {"requestContext": context, "body": body}, CONTEXT)

    def started(self, stack: Stack) -> list[dict[str, Any]]:
        return [json.loads(call["input"]) for call in stack.sent("StartExecution")]

    def test_the_account_that_is_named_is_reset(self, stack: Stack) -> None:
        answers = [self.post(account="directory"), self.post(account="aws"), self.post()]
        assert {each["statusCode"] for each in answers} == {202}
        users = [each["user"] for each in self.started(stack)]
        # The third request repeats the second.
        assert users == ["directory/dana", "dana", "dana"]

    def test_users_of_one_name_never_meet(self, stack: Stack) -> None:
        self.post(account="directory")
        self.post(account="aws")
        windows = {each["window"] for each in self.started(stack)}
        assert windows == {user_key("directory/dana"), user_key("dana")}

    @pytest.mark.parametrize("account", ["iam", "", 7, None, ["aws"], "Directory"])
    def test_another_account_is_named_as_the_field_that_is_wrong(self, stack: Stack, account: object) -> None:
        answered = self.post(account=account)
        assert (answered["statusCode"], json.loads(answered["body"])["field"]) == (400, "account")
        assert self.started(stack) == []

    def test_without_a_directory_no_account_of_one_can_be_named(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RESETS_DIRECTORY_USERS", "false")
        assert self.post(account="directory")["statusCode"] == 400
        assert self.post(account="aws")["statusCode"] == 202
        assert len(self.started(stack)) == 1

    def test_a_directory_has_longer_names(self, stack: Stack) -> None:
        long = f"{'ü' * 64}@corp.example.com"
        assert self.post(user=long, account="directory")["statusCode"] == 202
        assert self.post(user=long)["statusCode"] == 400
        assert len(self.started(stack)) == 1

    def test_what_can_be_no_name_there_goes_nowhere(self, stack: Stack) -> None:
        for text in ("*)(cn=*", "a password of 27 characters"):
            assert self.post(user=text, account="directory")["statusCode"] == 202
        assert self.started(stack) == []

    def test_a_locked_account_is_unlocked_by_a_link_whoever_asks(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUEST_ACCESS", "Iam")
        signed: dict[str, object] = {"identity": {"userArn": "arn:aws:iam::123456789012:user/portal"}}
        assert self.post(signed, account="directory", wish="unlock")["statusCode"] == 202
        (started,) = self.started(stack)
        # That it asks then, whatever `confirm` says, is the machine's: test_reset_definition.py.
        assert (started["user"], started["unlock"]) == ("directory/dana", True)

    def test_who_has_a_user_asked_about_an_unlocking_swallows_no_reset(self, stack: Stack) -> None:
        for wish in ("unlock", "reset", "unlock", "reset"):
            self.post(account="directory", wish=wish)
        names = [call["name"] for call in stack.sent("StartExecution")]
        assert names[:2] == names[2:]
        assert names[0] != names[1]

    @pytest.mark.parametrize(
        "fields", [{"wish": "unlock"}, {"wish": "enable", "account": "directory"}, {"wish": 7}]
    )
    def test_no_other_wish_is_understood(self, stack: Stack, fields: dict[str, Any]) -> None:
        answered = self.post(**fields)
        assert (answered["statusCode"], json.loads(answered["body"])["field"]) == (400, "wish")
        assert self.started(stack) == []

    def test_a_user_pools_verified_address_goes_along(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUEST_ACCESS", "Cognito")
        monkeypatch.setenv("HELPDESK_GROUP", "helpdesk")
        claims: dict[str, object] = {"token_use": "id", "email": MAIL, "email_verified": "true"}
        assert self.post({"authorizer": {"claims": claims}}, account="directory")["statusCode"] == 202
        helper = claims | {"cognito:groups": "helpdesk"}
        assert (
            self.post({"authorizer": {"claims": helper}}, user="bo", account="directory")["statusCode"] == 202
        )
        assert [each.get("address") for each in self.started(stack)] == [MAIL, None]

    @pytest.mark.parametrize(
        "claims",
        [
            {"token_use": "id"},
            {"token_use": "id", "email": MAIL},
            {"token_use": "id", "email": MAIL, "email_verified": "false"},
            {"token_use": "access", "email": MAIL, "email_verified": "true", "cognito:groups": "helpdesk"},
        ],
    )
    def test_without_a_verified_address_people_may_not_ask(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch, claims: dict[str, object]
    ) -> None:
        monkeypatch.setenv("REQUEST_ACCESS", "Cognito")
        assert self.post({"authorizer": {"claims": claims}}, account="directory")["statusCode"] == 403
        assert self.started(stack) == []


class TestPages:
    def page(
        self, monkeypatch: pytest.MonkeyPatch, query: dict[str, str] | None = None, *, both: bool = True
    ) -> str:
        monkeypatch.setenv("RESETS_DIRECTORY_USERS", str(both).lower())
        event = load_event("show_page_generate") | {"queryStringParameters": query}
        return str(show_page.handler(event, CONTEXT)["body"])

    @pytest.mark.parametrize("query", [{}, {"account": "directory"}])
    def test_which_account_is_asked_only_where_both_are_there(
        self, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
    ) -> None:
        assert 'name="account"' in self.page(monkeypatch, query, both=True)
        assert 'name="account"' not in self.page(monkeypatch, query, both=False)

    @pytest.mark.parametrize(
        ("query", "chosen"),
        [
            ({}, "aws"),
            ({"account": "aws"}, "aws"),
            ({"account": "directory", "user": "dana"}, "directory"),
            ({"account": '"><script>'}, "aws"),
        ],
    )
    def test_an_address_chooses(
        self, monkeypatch: pytest.MonkeyPatch, query: dict[str, str], chosen: str
    ) -> None:
        page = self.page(monkeypatch, query)
        (line,) = [line for line in page.splitlines() if "checked>" in line]
        assert f'value="{chosen}"' in line
        assert "{{" not in page

    @pytest.mark.parametrize("user", ["{{aws}}", "{{user}}"])
    def test_what_is_filled_in_is_filled_once(self, monkeypatch: pytest.MonkeyPatch, user: str) -> None:
        assert f'value="{user}"' in self.page(monkeypatch, {"user": user})


class TestValidation:
    def validate(
        self,
        user: str = "directory/dana",
        address: str = "",
        execution: str = EXECUTION,
        *,
        unlock: bool = False,
    ) -> validate_user.Result:
        return validate_user.handler(
            {
                "execution": execution,
                "user": user,
                "window": user_key(asked_for(user, unlock=unlock)),
                "confirm": False,
                "address": address,
                "unlock": unlock,
            },
            CONTEXT,
        )

    def test_the_directory_says_who_it_is(self, stack: Stack) -> None:
        stack.answer_within({**FOUND, "language": "de", "policy": POLICY})
        assert self.validate(address=MAIL) == {**FOUND, "language": "de", "denied": "", "policy": POLICY}
        event = {"execution": EXECUTION, "user": "directory/dana", "address": MAIL}
        assert asked(stack) == [("latchkey-test-find-directory-user", event)]
        assert not {"GetUser", "GetLoginProfile"} & set(stack.operations())

    def test_the_window_of_the_account_itself_is_open_then(self, stack: Stack) -> None:
        stack.answer_within({**FOUND, "language": "de", "policy": POLICY})
        self.validate()
        with pytest.raises(LatchkeyError, match="another spelling"):
            run(
                validate_user,
                execution="2nd",
                user=f"directory/{MAIL}",
                window="typed",
                confirm=False,
                address="",
                unlock=False,
            )

    def test_an_unlocking_that_was_asked_for_otherwise_rejects_no_reset(self, stack: Stack) -> None:
        stack.answer_within({**FOUND, "language": "de", "policy": POLICY})
        self.validate(unlock=True)
        assert self.validate(f"directory/{MAIL}", execution="2nd")
        with pytest.raises(LatchkeyError, match="another spelling"):
            self.validate(f"directory/{MAIL}", execution="3rd", unlock=True)

    @pytest.mark.parametrize("kind", [UserNotFoundError, UserNotEligibleError])
    def test_who_may_not_is_rejected_with_the_directorys_reason(
        self, stack: Stack, kind: type[LatchkeyError]
    ) -> None:
        stack.answer_within({"errorType": kind.__name__, "errorMessage": "dana is disabled."}, error=True)
        with pytest.raises(kind, match=r"dana is disabled\."):
            self.validate()
        assert ("Rejected", {"stack": "latchkey-test", "execution": EXECUTION}) in stack.told()

    def test_the_directorys_policy_decides_about_the_password(self, sealing_stack: Stack) -> None:
        event: generate_password.Event = {"execution": EXECUTION, "user": DANA, "policy": POLICY}
        sealed = generate_password.handler(event, CONTEXT)["sealed"]
        assert len(kms.unseal(sealed, EXECUTION, DANA, os.environ["CLAIM_KEY_ARN"]).password) == 24
        assert "GetAccountPasswordPolicy" not in sealing_stack.operations()


class TestChange:
    def change(self) -> reset_directory_password.Result:
        found: reset_directory_password.Result = run(
            reset_directory_password, user=DANA, name="dana", window="w", sealed="sealed"
        )
        return found

    def test_the_account_is_taken_before_the_directory_is_asked(self, stack: Stack) -> None:
        stack.answer_within(FOUND)
        stack.calls.clear()
        assert self.change() == FOUND
        assert stack.operations() == ["UpdateItem", "Invoke"]
        event = {"execution": EXECUTION, "user": DANA, "sealed": "sealed"}
        assert asked(stack) == [("latchkey-test-set-directory-password", event)]
        current = registry.read(user_key(DANA)).current
        assert current is not None
        assert (current.phase, current.sign_in_name) == (Phase.RESETTING, "dana")

    def test_a_user_of_that_name_in_iam_keeps_the_reset_that_waits(self, sealing_stack: Stack) -> None:
        sealing_stack.keep_reset()
        sealing_stack.answer_within(FOUND)
        self.change()
        assert sealing_stack.phase(ALICE) == Phase.WAITING
        assert "SendTaskFailure" not in sealing_stack.operations()

    def test_an_older_link_of_the_account_ends(self, stack: Stack) -> None:
        older = Reset(execution="older", phase=Phase.WAITING, user=DANA, name="dana", task_token=TASK_TOKEN)
        stack.keep(Item(current=older), DANA)
        stack.answer("SendTaskFailure", {})
        stack.answer_within(FOUND)
        self.change()
        assert [call["taskToken"] for call in stack.sent("SendTaskFailure")] == [TASK_TOKEN]

    def test_while_another_reset_changes_the_account_the_directory_is_not_asked(self, stack: Stack) -> None:
        another = Reset(execution="another", phase=Phase.RESETTING, user=DANA, name="dana")
        stack.keep(Item(current=another), DANA)
        with pytest.raises(ResetInProgressError):
            self.change()
        assert asked(stack) == []

    def test_iams_own_state_touches_no_account_of_the_directory(self, sealing_stack: Stack) -> None:
        with pytest.raises(UserNotFoundError):
            run(reset_iam_password, user=DANA, window="", sealed=sealing_stack.seal(user=DANA))


class TestMails:
    """No secret goes anywhere but where the function said that set the password."""

    def test_the_link_goes_where_the_password_was_set(self, sealing_stack: Stack) -> None:
        expires_at = "2026-03-01T10:00:00Z"
        run(
            send_claim_link,
            **KNOWN,
            sealed=sealing_stack.seal(user=DANA),
            handle=str(HANDLE),
            expires_at=expires_at,
        )
        (mail,) = sealing_stack.mails()
        assert mail.to == MAIL
        assert "dana" in mail.text
        assert DANA not in mail.text

    def test_the_question_the_notices_and_their_links_are_the_accounts(self, stack: Stack) -> None:
        entered_at = (EXPIRY - timedelta(minutes=15)).isoformat()
        run(confirm_request, **KNOWN, unlock=False, entered_at=entered_at, task_token=TASK_TOKEN)
        run(notify_claimed, **KNOWN, claimed_at="2026-03-01T09:30:00+00:00", claimed_from="192.0.2.10")
        run(notify_expired, **KNOWN, window="")
        assert [mail.to for mail in stack.mails()] == [MAIL] * 3
        for kind in LinkKind:
            ((handle, link),) = stack.links(kind).items()
            assert (link.user, Handle.parse(handle).user_key) == (DANA, user_key(DANA))  # type: ignore[union-attr]
        assert {detail["user"] for _, detail in stack.told()} == {DANA}

    def test_the_question_of_an_unlocking_leads_to_a_page_that_says_so(self, stack: Stack) -> None:
        entered_at = (EXPIRY - timedelta(minutes=15)).isoformat()
        run(confirm_request, **KNOWN, unlock=True, entered_at=entered_at, task_token=TASK_TOKEN)
        (mail,) = stack.mails()
        assert mail.subject == "Did you ask to unlock your account?"
        assert mail.link()[0] == "/unlock"


class TestReveal:
    def test_the_page_says_who_and_where_the_password_can_be_changed(self, stack: Stack) -> None:
        handle = Handle.of(DANA, EXECUTION, EXPIRY)
        known: dict[str, Any] = {
            "expires_at": int(EXPIRY.timestamp()),
            "secret_sha256": handle.proof(LINK_SECRET),
        }
        reset = Reset(
            execution=EXECUTION, phase=Phase.WAITING, user=DANA, name="dana", task_token=TASK_TOKEN, **known
        )
        stack.keep_reset(execution=EXECUTION, secret_sha256=reset.secret_sha256)
        stack.keep(Item(current=reset), DANA)
        stack.answer("SendTaskSuccess", {})
        event = load_event("reveal_password_valid")
        event["body"] = json.dumps({"ph": str(handle), "rs": LINK_SECRET})
        answered = json.loads(reveal_password.handler(event, CONTEXT)["body"])
        assert answered == {
            "password": PASSWORD,
            "user": "dana",
            "sign_in_url": "https://workspaces.example.com",
            "sign_in_hint": "Sign in to Windows, and choose a new password there.",
        }


class TestUndoing:
    def keep(self, stack: Stack, phase: Phase = Phase.WAITING, **more: Any) -> Reset:  # noqa: ANN401  # a reset's
        times = {"begun_at": int(NOW.timestamp()) - 60, "stored_at": int(NOW.timestamp()) - 30}
        reset = Reset(phase=phase, user=DANA, name="dana", **{"execution": EXECUTION, **times, **more})
        stack.keep(Item(current=reset, due_at=1), DANA)
        return reset

    def test_the_directory_decides_by_when_the_reset_was(self, stack: Stack) -> None:
        reset = self.keep(stack)
        stack.answer_within({"revoked": True})
        assert undo(EXECUTION, DANA, EXECUTION, NOW)
        event = {"execution": EXECUTION, "user": DANA}
        times = {"begun_at": reset.begun_at, "stored_at": reset.stored_at}
        assert asked(stack) == [
            ("latchkey-test-revoke-directory-password", event | times | {"disowned": False})
        ]
        assert stack.phase(DANA) == Phase.OVER
        assert "UpdateLoginProfile" not in stack.operations()

    def test_a_password_that_its_owner_disowns_is_revoked_whatever_became_of_it(self, stack: Stack) -> None:
        self.keep(stack, Phase.REVOKING, execution=revocation_of(EXECUTION), undone_by="request")
        stack.answer_within({"revoked": True})
        undo(revocation_of(EXECUTION), DANA, "request", NOW)
        assert asked(stack)[0][1]["disowned"]

    def test_a_user_who_is_gone_is_no_failure(self, stack: Stack) -> None:
        self.keep(stack)
        stack.answer_within({"errorType": "UserNotFoundError", "errorMessage": "gone"}, error=True)
        assert not undo(EXECUTION, DANA, EXECUTION, NOW)
        assert stack.phase(DANA) == Phase.OVER

    def test_what_the_directory_refuses_is_not_over(self, stack: Stack) -> None:
        self.keep(stack)
        stack.answer_within({"errorType": "DirectoryChangeError", "errorMessage": "a right"}, error=True)
        with pytest.raises(DirectoryChangeError, match="a right"):
            undo(EXECUTION, DANA, EXECUTION, NOW)
        assert stack.phase(DANA) == Phase.REVOKING


@pytest.mark.parametrize(
    ("failed", "error"),
    [
        (
            {"errorType": "Sandbox.Timedout", "errorMessage": "RequestId: … Task timed out"},
            "Sandbox.Timedout",
        ),
        ({"errorType": "KeyError", "errorMessage": "'sealed'"}, "KeyError"),
        ({"errorType": "os", "errorMessage": ""}, "os"),
        ({}, "None"),
    ],
)
def test_a_function_that_ends_otherwise_is_worth_another_try(
    stack: Stack, failed: dict[str, Any], error: str
) -> None:
    stack.answer_within(failed, error=True)
    with pytest.raises(ServiceUnavailableError, match=f"ended with {error}"):
        directory.find_eligible_user("function", DANA, EXECUTION)


@pytest.mark.parametrize(
    ("code", "status"), [("ResourceNotReadyException", 502), ("ResourceConflictException", 409)]
)
def test_a_function_that_gets_its_network_back_is_worth_another_try(
    stack: Stack, code: str, status: int
) -> None:
    stack.refuse("Invoke", code, status)
    with pytest.raises(ServiceUnavailableError, match=code):
        directory.find_eligible_user("function", DANA, EXECUTION)


def test_a_call_that_is_refused_is_told(stack: Stack) -> None:
    stack.refuse("Invoke", "AccessDeniedException", 403)
    with pytest.raises(AccessDeniedError, match="ask the directory"):
        directory.set_password("function", DANA, EXECUTION, "sealed")
