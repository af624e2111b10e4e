"""Who may ask for a reset, and from which pages: checked again behind API Gateway."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from latchkey.domain.users import is_mail_address
from latchkey.errors import ForeignPageError, NotAllowedError, NotAuthenticatedError
from latchkey.web.http import header_fields

#: What a browser says of a request that a page of the API sent, or that no page sent
#: (https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header).
_OWN_SITES = frozenset({"same-origin", "none"})


def ensure_signed(request_context: Mapping[str, Any]) -> None:
    """Let in requests whose signature API Gateway verified.

    Args:
        request_context: API Gateway's. It alone writes `identity.userArn`, only for a signature it verified
            ("Context variables for data transformations" in its guide).

    Raises:
        NotAuthenticatedError: for every other request.
    """
    identity = request_context.get("identity")
    caller = identity.get("userArn") if isinstance(identity, Mapping) else None
    if not (isinstance(caller, str) and caller):
        raise NotAuthenticatedError(
            "API Gateway let through an unsigned request: its stage serves an older definition."
        )


def ensure_own_page(event: Mapping[str, Any], public_base_url: str) -> None:
    """Let in requests from pages of this API and from clients that are not browsers.

    Browsers say in `Sec-Fetch-Site` whether the page that sends a request is the API's own; those too old for
    it say in `Origin` where the page comes from. No page can change either, and other clients send neither.

    Args:
        event: API Gateway's, for its proxy integration.
        public_base_url: where people reach the API by way of a proxy; empty for its own address.

    Raises:
        ForeignPageError: when a page of another site sent the request.
    """
    headers = header_fields(event)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        if site not in _OWN_SITES:
            raise ForeignPageError(f"The browser says that a page of another site sent this: {site}.")
    elif origin is not None and origin not in _own_origins(event, public_base_url):
        raise ForeignPageError("The browser says that a page of another origin sent this.")


def _own_origins(event: Mapping[str, Any], public_base_url: str) -> set[str]:
    addresses = (f"https://{event['requestContext'].get('domainName', '')}", public_base_url)
    return {f"{each.scheme}://{each.netloc}".lower() for each in map(urlsplit, addresses) if each.netloc}


def authorize_request(request_context: Mapping[str, Any], user: str, helpdesk_group: str, client: str) -> str:
    """Let people ask for themselves, and the helpdesk for anyone.

    Args:
        request_context: API Gateway's, with the claims of the token its user pool authorizer let through.
        user: what was typed: a mail address, or a user's name.
        helpdesk_group: group of the user pool whose members may reset any user; empty for none.
        client: the user pool's app client whose tokens count; empty for any of them.

    Returns:
        The mail address by which IAM has to know the user; empty for the helpdesk: any user.

    Raises:
        NotAllowedError: for all others, and for people who ask for another mail address than their own.
        NotAuthenticatedError: when there are no claims.
    """
    address = verified_address(request_context, helpdesk_group, client)
    if address and not _may_be_own(address, user):
        raise NotAllowedError("Neither the user's own request nor the helpdesk's.")
    return address


def _may_be_own(address: str, user: str) -> bool:
    """Tell whether what was typed may be an account of that address: of a name, only IAM knows that."""
    # Without ASCII two texts could be different and still the same in lower case: the Kelvin sign is a K. IAM
    # has only ASCII in the names of users.
    if not is_mail_address(address) or not user.isascii():
        return False
    return "@" not in user or user.lower() == address.lower()


def verified_address(request_context: Mapping[str, Any], helpdesk_group: str, client: str) -> str:
    """Return the mail address by which the account has to be known; empty for the helpdesk: any user.

    Args:
        request_context: API Gateway's, as for `authorize_request`.
        helpdesk_group: likewise.
        client: likewise.

    Raises:
        NotAllowedError: when the token's owner has no verified address, or the token was not made for this.
        NotAuthenticatedError: when there are no claims.
    """
    claims = _claims(request_context)
    if claims.get("token_use") != "id" or (client and claims.get("aud") != client):
        raise NotAllowedError("No ID token of the app client that may ask.")
    if is_helpdesk(claims, helpdesk_group):
        return ""
    mail = claims.get("email")
    if not (isinstance(mail, str) and mail and claims.get("email_verified") == "true"):
        raise NotAllowedError("Neither a person with a verified address nor the helpdesk.")
    return mail


def _claims(request_context: Mapping[str, Any]) -> Mapping[str, object]:
    authorizer = request_context.get("authorizer")
    claims = authorizer.get("claims") if isinstance(authorizer, Mapping) else None
    if not isinstance(claims, Mapping):
        raise NotAuthenticatedError(
            "API Gateway let through a request without a token: its stage serves an older definition."
        )
    return claims


def is_helpdesk(claims: Mapping[str, object], group: str) -> bool:
    """Tell whether the token's owner is in the group.

    A REST API's claim separates the groups by commas. The form of HTTP APIs, `[one two]`, is not accepted: a
    REST API never sends it, and a single group may have such a name.
    """
    groups = claims.get("cognito:groups")
    return bool(group) and isinstance(groups, str) and group in groups.split(",")
