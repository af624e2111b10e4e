"""Where a request comes from, as far as that can be known behind a proxy."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from latchkey.domain.claims import network_address
from latchkey.web.http import header_fields

_PROXY_KEY = "latchkey-proxy-key"
#: `address:port`, written by CloudFront; an IPv6 address stands there without brackets
#: (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html).
_VIEWER = "cloudfront-viewer-address"


def caller_address(event: Mapping[str, Any], proxy_key_sha256: str) -> str:
    """Return the address of the person who sent a request; empty where only a proxy's is known.

    Anyone can send `CloudFront-Viewer-Address` to the API itself, or through a distribution of their own. So
    it counts only beside the key that the stack's own distribution adds. Without that, a request that shows
    signs of a proxy has no address: API Gateway knows only the last proxy's.

    Args:
        event: API Gateway's, for its proxy integration.
        proxy_key_sha256: SHA-256 of the distribution's key, in hexadecimal digits; empty where there is none.
    """
    headers = header_fields(event)
    key_sha256 = hashlib.sha256(headers.get(_PROXY_KEY, "").encode()).hexdigest()
    if proxy_key_sha256 and hmac.compare_digest(key_sha256, proxy_key_sha256.lower()):
        return network_address(headers.get(_VIEWER, "").rpartition(":")[0].strip("[]"))
    if "via" in headers or "," in headers.get("x-forwarded-for", ""):
        return ""
    return str(event["requestContext"]["identity"]["sourceIp"])
