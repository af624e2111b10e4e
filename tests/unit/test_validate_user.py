"""ValidateUser lets through only users who have a password, may have it reset, and can get mail."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from latchkey.adapters import registry
from latchkey.domain.claims import user_key
from latchkey.errors import (
    AddressSharedError,
    AddressSuppressedError,
    LatchkeyError,
    MailRefusedError,
    NotOwnAccountError,
    RequestRepeatedError,
    ThrottledError,
    UserNotEligibleError,
    UserNotFoundError,
)
from reset.validate_user import Event, Result, handler
from tests.unit.stack import (
    ALICE,
    CONTEXT,
    EXECUTION,
    IAM,
    NOW,
    REQUEST_WINDOW,
    SES_ACCOUNT,
    Stack,
    client_error,
)

type Lines = Callable[[], list[dict[str, Any]]]


DENIED = {"EvaluationResults": [{"EvalDecision": "explicitDeny"}]}


def validate(
    user: str = ALICE,
    window: str = "",
    execution: str = EXECUTION,
    *,
    address: str = "",
    confirm: bool = False,
) -> Result:
    event: Event = {
        "execution": execution,
        "user": user,
        "window": window,
        "address": address,
        "confirm": confirm,
        "unlock": False,
    }
    return handler(event, CONTEXT)


def test_a_user_named_by_a_mail_address_is_mailed_there(stack: Stack) -> None:
    stack.add_user(ALICE)
    assert validate() == {"user": ALICE, "name": ALICE, "mail": ALICE, "language": "", "denied": ""}


def test_the_tag_email_decides_where_the_mail_goes(stack: Stack) -> None:
    stack.add_user("alice", tags={"email": ALICE})
    assert validate("alice") == {
        "user": "alice",
        "name": "alice",
        "mail": ALICE,
        "language": "",
        "denied": "",
    }


@pytest.mark.parametrize("key", ["language", "Language", "LANGUAGE"])
def test_the_tag_language_goes_on_in_whichever_case_its_key_is(stack: Stack, key: str) -> None:
    stack.add_user(tags={key: "de-AT"})
    assert validate()["language"] == "de-AT"


def test_the_user_goes_on_as_iam_spells_the_name(stack: Stack) -> None:
    # Whether IAM finds a name in another spelling is its own affair; the simulation does not.
    stack.add_user(ALICE)
    stack.answer("GetUser", IAM.get_user(UserName=ALICE))
    assert validate(ALICE.upper()) == {
        "user": ALICE,
        "name": ALICE,
        "mail": ALICE,
        "language": "",
        "denied": "",
    }


def unknown(_stack: Stack) -> None:
    pass


def without_console_access(stack: Stack) -> None:
    stack.add_user(password=None)


def protected(stack: Stack) -> None:
    stack.add_user(tags={"latchkey:protected": ""})


def below_the_protected_path(stack: Stack) -> None:
    stack.add_user(path="/admins/")


def in_a_protected_group(stack: Stack) -> None:
    stack.add_user()
    IAM.create_group(GroupName="Admins")
    IAM.add_user_to_group(GroupName="Admins", UserName=ALICE)


def suppressed(stack: Stack) -> None:
    stack.add_user()
    stack.answer("GetSuppressedDestination", {"SuppressedDestination": {"Reason": "BOUNCE"}})


REJECTED = [
    (suppressed, AddressSuppressedError),
    (unknown, UserNotFoundError),
    (without_console_access, UserNotEligibleError),
    (protected, UserNotEligibleError),
    (below_the_protected_path, UserNotEligibleError),
    (in_a_protected_group, UserNotEligibleError),
]


@pytest.mark.parametrize(("prepare", "error"), REJECTED)
def test_who_may_not_be_reset_is_rejected(
    stack: Stack, prepare: Callable[[Stack], None], error: type[LatchkeyError]
) -> None:
    prepare(stack)
    with pytest.raises(error):
        validate()


@pytest.mark.parametrize(("prepare", "error"), REJECTED)
def test_a_rejection_is_counted_once(
    stack: Stack, lines: Lines, prepare: Callable[[Stack], None], error: type[LatchkeyError]
) -> None:
    prepare(stack)
    with pytest.raises(error):
        validate()
    assert [line["Rejected"] for line in lines() if "_aws" in line] == [[1.0]]


def test_a_user_whose_name_is_no_address_and_who_has_no_tag_is_rejected(stack: Stack) -> None:
    stack.add_user("robot")
    with pytest.raises(UserNotEligibleError, match="no mail address"):
        validate("robot")


def test_a_user_whose_tag_and_name_are_no_address_is_rejected(stack: Stack) -> None:
    stack.add_user("robot", tags={"email": "none"})
    with pytest.raises(UserNotEligibleError, match="no mail address"):
        validate("robot")


def test_a_broken_tag_keeps_no_user_out_whose_name_is_an_address_and_is_told(
    stack: Stack, lines: Lines
) -> None:
    stack.add_user(tags={"Email": "alice at example.com"})
    assert validate(window=user_key(ALICE))["mail"] == ALICE
    detail = {"stack": "latchkey-test", "execution": EXECUTION, "user": ALICE}
    assert stack.told()[1:] == [("MailTagBroken", detail)]
    assert [line["MailTagBroken"] for line in lines() if "MailTagBroken" in line] == [[1.0]]


def test_a_user_who_could_not_choose_a_password_afterwards_goes_on_with_the_reason(stack: Stack) -> None:
    stack.add_user()
    stack.answer("SimulatePrincipalPolicy", DENIED)
    assert ALICE in validate()["denied"]


def test_before_the_mailbox_was_asked_no_one_learns_of_it(stack: Stack) -> None:
    stack.add_user()
    stack.answer("SimulatePrincipalPolicy", DENIED)
    assert validate(confirm=True)["denied"] == ""
    assert stack.sent("SimulatePrincipalPolicy") == []


def test_a_user_who_may_be_reset_is_not_counted_as_rejected(stack: Stack, lines: Lines) -> None:
    stack.add_user()
    validate()
    assert not [line for line in lines() if "_aws" in line]


def test_throttling_is_no_rejection(stack: Stack, lines: Lines) -> None:
    stack.refuse("GetUser", "Throttling")
    with pytest.raises(ThrottledError):
        validate()
    assert not [line for line in lines() if "_aws" in line]


def test_nothing_is_changed_by_looking(stack: Stack) -> None:
    stack.add_user()
    stack.calls.clear()
    validate()
    assert all(operation.startswith(("Get", "List", "Simulate")) for operation in stack.operations())


def test_where_ses_sends_nothing_the_reset_ends_here_and_is_no_rejection(stack: Stack, lines: Lines) -> None:
    stack.add_user()
    stack.answer("GetAccount", {**SES_ACCOUNT, "SendingEnabled": False})
    with pytest.raises(MailRefusedError, match="paused"):
        validate()
    assert not [line for line in lines() if "_aws" in line]


@pytest.mark.parametrize("operation", ["GetAccount", "GetEmailIdentity", "GetSuppressedDestination"])
@pytest.mark.parametrize("code", ["AccessDeniedException", "TooManyRequestsException", "InternalFailure"])
def test_a_question_ses_does_not_answer_locks_no_user_out(stack: Stack, operation: str, code: str) -> None:
    stack.add_user()
    stack.answer(operation, client_error(code, 400))
    assert validate() == {"user": ALICE, "name": ALICE, "mail": ALICE, "language": "", "denied": ""}


@pytest.fixture
def any_spelling(stack: Stack) -> Stack:
    """Return a stack whose IAM finds a name in every spelling; whether AWS's does is not documented."""
    stack.add_user(ALICE)
    stack.answer("GetUser", IAM.get_user(UserName=ALICE))
    return stack


@pytest.mark.usefixtures("any_spelling")
def test_a_user_gets_one_reset_however_often_it_is_spelled_otherwise() -> None:
    spellings = [ALICE.upper(), ALICE.title(), ALICE]
    assert validate(spellings[0], user_key(spellings[0]), "first")
    for number, spelling in enumerate(spellings[1:]):
        registry.open_window(user_key(spelling), f"later-{number}", int(NOW.timestamp()), REQUEST_WINDOW)
        if spelling != ALICE:
            with pytest.raises(RequestRepeatedError):
                validate(spelling, user_key(spelling), f"later-{number}")
    assert registry.open_window(user_key(ALICE), "mine", int(NOW.timestamp()), REQUEST_WINDOW) == "first"


@pytest.mark.usefixtures("any_spelling")
def test_a_second_try_and_a_second_look_after_a_yes_are_no_repetition() -> None:
    for _ in range(2):
        assert validate(ALICE.upper(), user_key(ALICE.upper()), "first")
    registry.open_window(user_key(ALICE), "another", int(NOW.timestamp()) + 3600, REQUEST_WINDOW)
    assert validate(ALICE, "", "first")


def test_an_operators_reset_has_no_window(stack: Stack) -> None:
    stack.add_user()
    registry.open_window(user_key(ALICE), "another's", int(NOW.timestamp()), REQUEST_WINDOW)
    assert validate()
    assert [step for step, _ in stack.told()] == []


def test_a_request_is_told_and_counted_without_what_was_typed(stack: Stack, lines: Lines) -> None:
    stack.add_user()
    validate(window=user_key(ALICE))
    assert stack.told() == [("Requested", {"stack": "latchkey-test", "execution": EXECUTION})]
    assert [line["Requested"] for line in lines() if "_aws" in line] == [[1.0]]


def test_a_password_typed_as_a_name_is_in_no_log_and_no_cause(stack: Stack, lines: Lines) -> None:
    with pytest.raises(UserNotFoundError) as raised:
        validate("Summer2026", user_key("Summer2026"))
    assert str(raised.value) == "The account has no user of that name."
    assert raised.value.__cause__ is None
    assert "Summer2026" not in json.dumps([*lines(), *stack.told()])


# Names as people write them

MARY = "mary.smith@corp.example.com"


@pytest.fixture
def mary(stack: Stack) -> Stack:
    stack.add_user("msmith", tags={"email": MARY})
    return stack


@pytest.mark.usefixtures("mary")
@pytest.mark.parametrize("typed", ["msmith", "MSmith", MARY, MARY.upper(), "Mary.Smith@corp.example.com"])
def test_a_user_is_found_by_name_and_mail_address_in_any_case(typed: str) -> None:
    found = validate(typed)
    assert (found["user"], found["name"], found["mail"]) == ("msmith", "msmith", MARY)


def test_a_name_that_iam_finds_needs_no_listing(mary: Stack) -> None:
    validate("msmith")
    assert not {"GetAccountAuthorizationDetails", "UpdateItem", "GetItem"} & set(mary.operations())


@pytest.mark.usefixtures("mary")
def test_the_index_only_suggests_and_iam_decides() -> None:
    validate(MARY)
    IAM.tag_user(UserName="msmith", Tags=[{"Key": "email", "Value": "elsewhere@corp.example.com"}])
    with pytest.raises(UserNotFoundError):
        validate(MARY)


def test_of_two_users_with_one_address_neither_is_reset_and_administrators_learn_who(mary: Stack) -> None:
    mary.add_user("mary2", tags={"Email": MARY})
    with pytest.raises(AddressSharedError, match="mary2, msmith"):
        validate(MARY)
    assert [step for step, _ in mary.told()] == ["Rejected"]
    assert validate("msmith")["user"] == "msmith"


def test_a_user_without_password_keeps_no_one_from_an_address(mary: Stack) -> None:
    mary.add_user("mary-deploys", tags={"email": MARY}, password=None)
    assert validate(MARY)["user"] == "msmith"


@pytest.mark.usefixtures("mary")
def test_a_user_whom_the_address_finds_is_reset_no_more_often() -> None:
    registry.open_window(user_key("msmith"), "first", int(NOW.timestamp()), REQUEST_WINDOW)
    with pytest.raises(RequestRepeatedError):
        validate(MARY, user_key(MARY), "second")


@pytest.mark.usefixtures("mary")
def test_a_user_who_was_deleted_since_the_listing_is_not_found() -> None:
    validate(MARY)
    IAM.delete_login_profile(UserName="msmith")
    IAM.delete_user(UserName="msmith")
    with pytest.raises(UserNotFoundError):
        validate(MARY)


@pytest.mark.usefixtures("mary")
@pytest.mark.parametrize("typed", ["msmith", "MSMITH", MARY])
def test_a_person_may_reset_the_user_whose_tag_is_their_verified_address(typed: str) -> None:
    assert validate(typed, address=MARY.title())["user"] == "msmith"


def test_a_person_may_reset_the_user_whose_name_is_their_address(stack: Stack) -> None:
    stack.add_user(ALICE, tags={"email": "elsewhere@example.com"})
    assert validate(ALICE, address=ALICE)["user"] == ALICE


@pytest.mark.parametrize("address", [ALICE, f"x{MARY}", "msmith@example.com", f"{MARY}x"])
def test_a_person_may_not_reset_the_user_of_another_address(mary: Stack, address: str) -> None:
    mary.add_user(ALICE)
    with pytest.raises(NotOwnAccountError):
        validate("msmith", address=address)
    assert [step for step, _ in mary.told()] == ["Rejected"]


def test_a_person_who_may_not_opens_no_window_of_the_user(mary: Stack) -> None:
    mary.calls.clear()
    with pytest.raises(NotOwnAccountError):
        validate("msmith", "their-own-window", address=ALICE)
    assert "UpdateItem" not in mary.operations()
