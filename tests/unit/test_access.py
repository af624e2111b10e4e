"""Who may ask for a reset, even past API Gateway, and from which pages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.errors import ForeignPageError, NotAllowedError, NotAuthenticatedError
from latchkey.web.access import authorize_request, ensure_own_page, ensure_signed, is_helpdesk
from tests.unit.stack import ALICE

HELPDESK = "helpdesk"
OWN: dict[str, object] = {"email": ALICE, "email_verified": "true"}


def ask(claims: object, user: str = ALICE, group: str = HELPDESK) -> None:
    authorize_request({"authorizer": {"claims": claims}}, user, group)


def test_people_may_ask_for_themselves() -> None:
    ask(OWN)


@pytest.mark.parametrize(("mail", "user"), [(ALICE.upper(), ALICE), (ALICE, ALICE.upper())])
def test_letter_case_does_not_tell_people_apart(mail: str, user: str) -> None:
    ask(OWN | {"email": mail}, user)


NOT_OWN: list[dict[str, object]] = [
    {},
    {"email": ALICE},
    {"email_verified": "true"},
    OWN | {"email": "mallory@example.com"},
    OWN | {"email": ""},
    OWN | {"email": f"{ALICE} "},
    OWN | {"email": f"mallory@example.com,{ALICE}"},
    OWN | {"email": [ALICE]},
    OWN | {"email_verified": "false"},
    OWN | {"email_verified": ""},
    OWN | {"email_verified": "True"},
    OWN | {"email_verified": True},
    OWN | {"email_verified": "1"},
    {"username": ALICE, "cognito:username": ALICE, "sub": ALICE, "token_use": "access"},
]


@pytest.mark.parametrize("claims", NOT_OWN)
def test_who_is_neither_the_user_nor_the_helpdesk_is_refused(claims: dict[str, object]) -> None:
    with pytest.raises(NotAllowedError):
        ask(claims)


@pytest.mark.parametrize(
    "mail", ["mi\N{KELVIN SIGN}e@example.com", "ma\N{LATIN SMALL LETTER LONG S}@example.com"]
)
def test_letters_that_only_look_alike_in_lower_case_are_others(mail: str) -> None:
    for mine, theirs in ((mail, mail.lower()), (mail.lower(), mail), (mail, mail.upper()), (mail, mail)):
        with pytest.raises(NotAllowedError):
            ask(OWN | {"email": mine}, theirs)


def test_an_empty_address_is_not_the_user_without_a_name() -> None:
    with pytest.raises(NotAllowedError):
        ask(OWN | {"email": ""}, "")


@pytest.mark.parametrize("groups", [HELPDESK, f"staff,{HELPDESK}", f"{HELPDESK},staff", f"a,{HELPDESK},b"])
def test_helpdesk_may_reset_any_user(groups: str) -> None:
    ask({"cognito:groups": groups}, "bob@example.com")


@pytest.mark.parametrize(
    "groups",
    [
        "",
        ",",
        "staff",
        f"not-{HELPDESK}",
        f"{HELPDESK}s",
        HELPDESK.upper(),
        f"[{HELPDESK}]",
        f"[staff {HELPDESK}]",
        f"staff {HELPDESK}",
        f"staff, {HELPDESK}",
        f'["{HELPDESK}"]',
        [HELPDESK],
        {HELPDESK: HELPDESK},
        None,
    ],
)
def test_whatever_is_not_exactly_the_group_is_not_the_helpdesk(groups: object) -> None:
    with pytest.raises(NotAllowedError):
        ask({"cognito:groups": groups}, "bob@example.com")


@pytest.mark.parametrize("groups", ["", ",", "staff,", ",staff"])
def test_without_a_helpdesk_group_no_user_is_in_it(groups: str) -> None:
    with pytest.raises(NotAllowedError):
        ask({"cognito:groups": groups}, group="")


@given(st.lists(st.from_regex(r"[^,]{1,8}", fullmatch=True)), st.from_regex(r"[^,]{1,8}", fullmatch=True))
def test_helpdesk_is_who_is_in_the_group(groups: list[str], group: str) -> None:
    assert is_helpdesk({"cognito:groups": ",".join(groups)}, group) is (group in groups)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"authorizer": None},
        {"authorizer": {}},
        {"authorizer": {"claims": None}},
        {"authorizer": {"claims": "email"}},
        {"authorizer": "claims"},
        # What only an authorizer of another kind would give.
        {"authorizer": OWN},
        {"authorizer": {"jwt": {"claims": OWN}}},
        {"identity": {"user": ALICE}},
    ],
)
def test_without_claims_requests_are_refused(context: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticatedError):
        authorize_request(context, ALICE, HELPDESK)


@pytest.mark.parametrize(
    "caller", ["arn:aws:iam::123456789012:user/portal", "arn:aws:sts::123456789012:assumed-role/portal/1"]
)
def test_signed_requests_may_reset_any_user(caller: str) -> None:
    ensure_signed({"identity": {"userArn": caller}})


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"identity": None},
        {"identity": "arn:aws:iam::123456789012:user/portal"},
        {"identity": {}},
        # What API Gateway says of an unsigned request, where the method asks for no signature.
        {"identity": {"sourceIp": "192.0.2.10", "userArn": None, "caller": None, "accessKey": None}},
        {"identity": {"userArn": ""}},
        {"identity": {"userArn": ["arn:aws:iam::123456789012:user/portal"]}},
        {"authorizer": {"claims": OWN}},
    ],
)
def test_unsigned_requests_are_refused(context: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticatedError):
        ensure_signed(context)


API = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"


def send_from(**headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    event = {"headers": named, "requestContext": {"domainName": API}}
    ensure_own_page(event, "https://Reset.example.com/people")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"SEC_FETCH_SITE": "same-origin", "Origin": f"https://{API}"},
        # A proxy that PublicBaseUrl does not name: the browser knows that its page is the proxy's own.
        {"Sec_Fetch_Site": "same-origin", "Origin": "https://proxy.example.com"},
        {"Origin": f"https://{API}"},
        {"origin": "https://reset.example.com"},
    ],
)
def test_own_pages_and_other_clients_pass(headers: dict[str, str]) -> None:
    send_from(**headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": f"https://{API}"},
        {"Sec_Fetch_Site": "something-new"},
        {"Sec_Fetch_Site": ""},
        {"Origin": "https://evil.example"},
        {"origin": "null"},
        {"Origin": ""},
        {"Origin": f"http://{API}"},
        {"Origin": f"https://{API}.evil.example"},
        {"Origin": f"https://{API}:8443"},
        {"Origin": "https://reset.example.com.evil.example"},
        {"Origin": "http://reset.example.com"},
        {"Origin": "https://another.example.com"},
    ],
)
def test_pages_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ForeignPageError):
        send_from(**headers)


def test_without_a_public_address_only_the_apis_own_origin_passes() -> None:
    for context in ({"domainName": API}, {"domainName": ""}, {}):
        for origin in ("://", "https://", "", "https://evil.example"):
            with pytest.raises(ForeignPageError):
                ensure_own_page({"headers": {"Origin": origin}, "requestContext": context}, "")
