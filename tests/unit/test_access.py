"""Who may ask for a reset, even past API Gateway, and from which pages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.errors import ForeignPageError, NotAllowedError, NotAuthenticatedError
from latchkey.web.access import authorize_request, ensure_own_page, ensure_signed, is_helpdesk
from tests.unit.stack import ALICE

HELPDESK = "helpdesk"
GROUP_NAMES = st.text(st.characters(exclude_characters=","), min_size=1, max_size=8)
CLIENT = "7ex4mpl3cl13nt0fth3p4g3"
#: What every ID token of the page's app client says.
TOKEN: dict[str, object] = {"token_use": "id", "aud": CLIENT}
OWN: dict[str, object] = {**TOKEN, "email": ALICE, "email_verified": "true"}


def ask(claims: dict[str, object], user: str = ALICE, group: str = HELPDESK, client: str = CLIENT) -> str:
    return authorize_request({"authorizer": {"claims": claims}}, user, group, client)


def test_people_may_ask_for_themselves() -> None:
    ask(OWN)


@pytest.mark.parametrize(("mail", "user"), [(ALICE.upper(), ALICE), (ALICE, ALICE.upper())])
def test_letter_case_does_not_tell_people_apart(mail: str, user: str) -> None:
    ask(OWN | {"email": mail}, user)


NOT_OWN: dict[str, dict[str, object]] = {
    "no claims at all": {},
    "an address that is not said to be verified": TOKEN | {"email": ALICE},
    "no address": TOKEN | {"email_verified": "true"},
    "another's address": OWN | {"email": "mallory@example.com"},
    "an empty address": OWN | {"email": ""},
    "a blank after the address": OWN | {"email": f"{ALICE} "},
    "two addresses": OWN | {"email": f"mallory@example.com,{ALICE}"},
    "a list of addresses": OWN | {"email": [ALICE]},
    "an unverified address": OWN | {"email_verified": "false"},
    "verified is empty": OWN | {"email_verified": ""},
    "verified in capitals": OWN | {"email_verified": "True"},
    "verified is no text": OWN | {"email_verified": True},
    "verified is a number": OWN | {"email_verified": "1"},
    "an access token, which has no address": {
        "username": ALICE,
        "cognito:username": ALICE,
        "sub": ALICE,
        "token_use": "access",
    },
}


@pytest.mark.parametrize("claims", NOT_OWN.values(), ids=NOT_OWN)
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


def test_of_a_name_that_is_no_address_only_iam_knows_whose_it_is() -> None:
    assert ask(OWN, "alice") == ALICE


def test_the_helpdesk_asks_in_no_ones_name() -> None:
    assert ask(OWN | {"cognito:groups": HELPDESK}, "bob") == ""


# Whose name another's address may stand for, only IAM knows.
@pytest.mark.parametrize("case", sorted(NOT_OWN.keys() - {"another's address"}))
def test_without_a_verified_address_of_their_own_people_ask_for_no_name(case: str) -> None:
    with pytest.raises(NotAllowedError):
        ask(NOT_OWN[case], "alice")


@pytest.mark.parametrize("groups", [HELPDESK, f"staff,{HELPDESK}", f"{HELPDESK},staff", f"a,{HELPDESK},b"])
def test_helpdesk_may_reset_any_user(groups: str) -> None:
    ask(TOKEN | {"cognito:groups": groups}, "bob@example.com")


NOT_FOR_THIS: dict[str, dict[str, object]] = {
    "an access token": {"token_use": "access"},
    "an access token that a resource server takes": {"token_use": "access", "client_id": CLIENT},
    "a token of no kind": {"token_use": None},
    "a token of two kinds": {"token_use": ["id", "access"]},
    "another client's": {"aud": "an0therapp0fth3p00l"},
    "two clients'": {"aud": [CLIENT, "an0therapp0fth3p00l"]},
    "one that begins as the client's": {"aud": f"{CLIENT}x"},
    "the client's in capitals": {"aud": CLIENT.upper()},
    "no client's": {"aud": None},
}


@pytest.mark.parametrize("claims", NOT_FOR_THIS.values(), ids=NOT_FOR_THIS)
@pytest.mark.parametrize("user", [ALICE, "bob@example.com"])
def test_a_token_that_was_made_for_something_else_is_not_even_the_helpdesks(
    claims: dict[str, object], user: str
) -> None:
    with pytest.raises(NotAllowedError):
        ask(OWN | {"cognito:groups": HELPDESK} | claims, user)


def test_where_no_client_is_named_an_id_token_of_any_will_do() -> None:
    ask(OWN | {"aud": "an0therapp0fth3p00l"}, client="")
    with pytest.raises(NotAllowedError):
        ask(OWN | {"token_use": "access"}, client="")


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
        ask(TOKEN | {"cognito:groups": groups}, "bob@example.com")


@pytest.mark.parametrize("groups", ["", ",", "staff,", ",staff"])
def test_without_a_helpdesk_group_no_user_is_in_it(groups: str) -> None:
    with pytest.raises(NotAllowedError):
        ask(TOKEN | {"cognito:groups": groups}, group="")


@given(st.lists(GROUP_NAMES), GROUP_NAMES)
def test_helpdesk_is_who_is_in_the_group(groups: list[str], group: str) -> None:
    assert is_helpdesk({"cognito:groups": ",".join(groups)}, group) is (group in groups)


WITHOUT_CLAIMS: dict[str, dict[str, Any]] = {
    "no authorizer": {},
    "the authorizer is null": {"authorizer": None},
    "an authorizer without claims": {"authorizer": {}},
    "the claims are null": {"authorizer": {"claims": None}},
    "the claims are text": {"authorizer": {"claims": "email"}},
    "the authorizer is text": {"authorizer": "claims"},
    # What only an authorizer of another kind would give.
    "claims beside the authorizer's": {"authorizer": OWN},
    "claims of an HTTP API": {"authorizer": {"jwt": {"claims": OWN}}},
    "the user of a signed request": {"identity": {"user": ALICE}},
}


@pytest.mark.parametrize("context", WITHOUT_CLAIMS.values(), ids=WITHOUT_CLAIMS)
def test_without_claims_requests_are_refused(context: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticatedError):
        authorize_request(context, ALICE, HELPDESK, CLIENT)


@pytest.mark.parametrize(
    "caller", ["arn:aws:iam::123456789012:user/portal", "arn:aws:sts::123456789012:assumed-role/portal/1"]
)
def test_signed_requests_may_reset_any_user(caller: str) -> None:
    ensure_signed({"identity": {"userArn": caller}})


UNSIGNED: dict[str, dict[str, Any]] = {
    "no identity": {},
    "the identity is null": {"identity": None},
    "the identity is text": {"identity": "arn:aws:iam::123456789012:user/portal"},
    "an empty identity": {"identity": {}},
    # What API Gateway says of an unsigned request, where the method asks for no signature.
    "an unsigned request as API Gateway tells of it": {
        "identity": {"sourceIp": "192.0.2.10", "userArn": None, "caller": None, "accessKey": None}
    },
    "an empty caller": {"identity": {"userArn": ""}},
    "a list of callers": {"identity": {"userArn": ["arn:aws:iam::123456789012:user/portal"]}},
    "the claims of a token": {"authorizer": {"claims": OWN}},
}


@pytest.mark.parametrize("context", UNSIGNED.values(), ids=UNSIGNED)
def test_unsigned_requests_are_refused(context: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticatedError):
        ensure_signed(context)


API = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"


def send_from(**headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    event = {"headers": named, "requestContext": {"domainName": API}}
    ensure_own_page(event, "https://Reset.example.com/people")


OWN_PAGES: dict[str, dict[str, str]] = {
    "no browser": {},
    "a page of the API": {"Sec_Fetch_Site": "same-origin"},
    "no page": {"sec_fetch_site": "none"},
    "a page of the API, with its origin": {"SEC_FETCH_SITE": "same-origin", "Origin": f"https://{API}"},
    # A proxy that PublicBaseUrl does not name: the browser knows that its page is the proxy's own.
    "a page of a proxy that PublicBaseUrl does not name": {
        "Sec_Fetch_Site": "same-origin",
        "Origin": "https://proxy.example.com",
    },
    "an old browser on a page of the API": {"Origin": f"https://{API}"},
    "an old browser on a page of PublicBaseUrl": {"origin": "https://reset.example.com"},
}


@pytest.mark.parametrize("headers", OWN_PAGES.values(), ids=OWN_PAGES)
def test_own_pages_and_other_clients_pass(headers: dict[str, str]) -> None:
    send_from(**headers)


FOREIGN_PAGES: dict[str, dict[str, str]] = {
    "another site": {"Sec_Fetch_Site": "cross-site"},
    "another host of the site": {"sec_fetch_site": "same-site"},
    "another site that claims the API's origin": {"Sec_Fetch_Site": "cross-site", "Origin": f"https://{API}"},
    "a word that browsers may say one day": {"Sec_Fetch_Site": "something-new"},
    "an empty word": {"Sec_Fetch_Site": ""},
    "another origin": {"Origin": "https://evil.example"},
    "an origin that is withheld": {"origin": "null"},
    "an empty origin": {"Origin": ""},
    "the API without TLS": {"Origin": f"http://{API}"},
    "a domain that begins as the API's": {"Origin": f"https://{API}.evil.example"},
    "another port of the API": {"Origin": f"https://{API}:8443"},
    "a domain that begins as PublicBaseUrl's": {"Origin": "https://reset.example.com.evil.example"},
    "PublicBaseUrl without TLS": {"Origin": "http://reset.example.com"},
    "another host of the organisation": {"Origin": "https://another.example.com"},
}


@pytest.mark.parametrize("headers", FOREIGN_PAGES.values(), ids=FOREIGN_PAGES)
def test_pages_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ForeignPageError):
        send_from(**headers)


def test_without_a_public_address_only_the_apis_own_origin_passes() -> None:
    for context in ({"domainName": API}, {"domainName": ""}, {}):
        for origin in ("://", "https://", "", "https://evil.example"):
            with pytest.raises(ForeignPageError):
                ensure_own_page({"headers": {"Origin": origin}, "requestContext": context}, "")
