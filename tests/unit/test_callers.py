"""Behind a proxy an address is a person's only if the stack's own distribution says so."""

import hashlib
from typing import Any

import pytest

from latchkey.web.callers import caller_address

KEY = "a key of the distribution"
KEY_SHA256 = hashlib.sha256(KEY.encode()).hexdigest()
EDGE, PERSON = "130.176.1.1", "203.0.113.7"


def event(**headers: str) -> dict[str, Any]:
    """Return a request that reaches the API from an edge of CloudFront."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"headers": named, "requestContext": {"identity": {"sourceIp": EDGE}}}


@pytest.mark.parametrize("key_sha256", ["", KEY_SHA256])
@pytest.mark.parametrize("headers", [{}, {"X_Forwarded_For": EDGE}])
def test_without_a_proxy_api_gateway_knows_the_address(key_sha256: str, headers: dict[str, str]) -> None:
    assert caller_address(event(**headers), key_sha256) == EDGE


@pytest.mark.parametrize("key_sha256", ["", KEY_SHA256])
@pytest.mark.parametrize(
    "headers", [{"X_Forwarded_For": f"{PERSON}, {EDGE}"}, {"Via": "1.1 abc.cloudfront.net (CloudFront)"}]
)
def test_a_proxys_address_is_not_claimed_to_be_the_persons(key_sha256: str, headers: dict[str, str]) -> None:
    assert caller_address(event(**headers), key_sha256) == ""


@pytest.mark.parametrize(
    ("viewer", "address"),
    [
        (f"{PERSON}:46532", PERSON),
        ("2001:db8::7:46532", "2001:db8::7"),
        ("[2001:db8::7]:46532", "2001:db8::7"),
        ("", ""),
        (PERSON, ""),
        ("<b>:1", ""),
    ],
)
@pytest.mark.parametrize("key_sha256", [KEY_SHA256, KEY_SHA256.upper()])
def test_the_stacks_own_distribution_is_believed(viewer: str, address: str, key_sha256: str) -> None:
    proven = {"Latchkey_Proxy_Key": KEY, "CloudFront_Viewer_Address": viewer, "Via": "1.1 abc"}
    assert caller_address(event(**proven), key_sha256) == address


@pytest.mark.parametrize("headers", [{}, {"Latchkey_Proxy_Key": "another"}, {"Latchkey_Proxy_Key": ""}])
@pytest.mark.parametrize("key_sha256", ["", KEY_SHA256])
def test_no_one_else_may_name_a_viewer(headers: dict[str, str], key_sha256: str) -> None:
    forged = event(CloudFront_Viewer_Address="198.51.100.9:1", **headers)
    assert caller_address(forged, key_sha256) == EDGE
    through_another = event(CloudFront_Viewer_Address="198.51.100.9:1", Via="1.1 other", **headers)
    assert caller_address(through_another, key_sha256) == ""
