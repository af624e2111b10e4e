"""The local cloud's users sign in with the password that IAM was given."""

from urllib.parse import urlencode

import pytest

from local.emulator.patches import users
from local.emulator.patches.base import module
from local.emulator.patches.users import SignIns
from tests.unit.coroutines import result_of

ALICE = "alice@example.com"


def iam(action: str, **parameters: str) -> str:
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = urlencode({"Action": action, **parameters}).encode()
    _, _, answer = result_of(module("services.iam").handle_request("POST", "/", form, body, {}))
    return answer.decode() if isinstance(answer, bytes) else str(answer)


@pytest.fixture
def sign_ins(monkeypatch: pytest.MonkeyPatch) -> SignIns:
    """Patch MiniStack's IAM for one test, and make a user who has to change the password."""
    service = module("services.iam")
    monkeypatch.setattr(service, "_IAM_HANDLERS", dict(service._IAM_HANDLERS))  # noqa: SLF001  # what is replaced
    for name in ("_create_login_profile", "_update_login_profile", "_user_xml", "_build_credential_report"):
        monkeypatch.setattr(service, name, getattr(service, name))
    service.reset()
    sign_ins = SignIns()
    users.apply(sign_ins)
    iam("CreateUser", UserName=ALICE)
    iam("CreateLoginProfile", UserName=ALICE, Password="First-1", PasswordResetRequired="true")
    return sign_ins


def test_only_the_password_that_was_set_last_signs_in(sign_ins: SignIns) -> None:
    assert sign_ins.sign_in(ALICE, "First-1") == {"signed_in": True, "password_reset_required": True}
    iam("UpdateLoginProfile", UserName=ALICE, Password="Second-2")
    assert not sign_ins.sign_in(ALICE, "First-1")["signed_in"]
    assert sign_ins.sign_in(ALICE, "Second-2")["signed_in"]


def test_a_user_who_chose_a_password_need_not_change_it_again(sign_ins: SignIns) -> None:
    assert not sign_ins.sign_in(ALICE, "First-1", "Own-1")["password_reset_required"]
    assert sign_ins.sign_in(ALICE, "Own-1") == {"signed_in": True, "password_reset_required": False}


def test_a_user_without_a_password_does_not_sign_in(sign_ins: SignIns) -> None:
    assert not sign_ins.sign_in("robot@example.com", "")["signed_in"]


def test_iam_tells_when_a_password_was_used_last(sign_ins: SignIns) -> None:
    assert "<PasswordLastUsed>" not in iam("GetUser", UserName=ALICE)
    sign_ins.sign_in(ALICE, "First-1")
    assert "<PasswordLastUsed>" in iam("GetUser", UserName=ALICE)
