"""The SMTP password of an access key: published examples, and what every one of them has in common."""

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.domain.smtp_password import derive_smtp_password
from local.emulator.smtp import password_of

REGIONS = [
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-west-1",
]
#: IAM's own are 40 characters of base64's alphabet.
SECRETS = st.text("ABCXYZabcxyz0189+/", min_size=1, max_size=60)


# The examples of the conversion in HashiCorp's Terraform provider for AWS, which SES accepts:
# https://github.com/hashicorp/terraform-provider-aws, internal/service/iam/access_key_test.go
@pytest.mark.parametrize(
    ("secret", "region", "password"),
    [
        ("some+secret+key", "eu-central-1", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
        ("another+secret+key", "eu-central-1", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
        ("some+secret+key", "us-west-1", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
        ("another+secret+key", "us-west-1", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"),
    ],
)
def test_a_published_example_comes_out(secret: str, region: str, password: str) -> None:
    assert derive_smtp_password(secret, region) == password
    assert password_of(secret, region) == password


@given(secret=SECRETS, region=st.sampled_from(REGIONS))
def test_a_password_is_version_4_in_44_characters_of_base64(secret: str, region: str) -> None:
    password = derive_smtp_password(secret, region)
    assert len(password) == 44
    assert b64decode(password, validate=True)[0] == 4


@given(secret=SECRETS)
def test_each_region_has_a_password_of_its_own(secret: str) -> None:
    assert len({derive_smtp_password(secret, region) for region in REGIONS}) == len(REGIONS)


@given(secret=SECRETS, region=st.sampled_from(REGIONS))
def test_the_local_endpoint_derives_the_same_by_itself(secret: str, region: str) -> None:
    assert derive_smtp_password(secret, region) == password_of(secret, region)
