"""No secret is anywhere but where it belongs: in the one answer and the one mail, or in Secrets Manager."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product as pairs
from typing import Any

import pytest

from local.driver.faults import fault
from local.driver.product import Link, Product
from local.driver.rotation import Rotation
from tests.e2e.leaks import disguises, everywhere, leaks

PASSWORD = "0ld-Password-of-the-user"


@dataclass(frozen=True)
class Ended:
    """A reset that is over, and the secrets it had."""

    user: str
    link: Link
    password: str = field(repr=False)


def claimed(product: Product) -> Ended:
    user = product.create_user(PASSWORD)
    arn = product.start_reset(user)
    link = product.wait_for_link(user)
    password = product.claim(link).json()["password"]
    assert product.wait_for_end(arn).states[-1] == "Claimed"
    return Ended(user, link, password)


def expired(product: Product) -> Ended:
    user = product.create_user(PASSWORD)
    with product.claims_live(8):
        arn = product.start_reset(user)
        product.wait_for_state(arn, "SendClaimLink")
        password = product.stored_password(user)
        assert product.wait_for_end(arn).states[-1] == "Expired"
    return Ended(user, product.wait_for_link(user), password)


def failed(product: Product) -> Ended:
    user = product.create_user(PASSWORD)
    slow_to_fail = {"match": ":task_token", "status": 500, "delay_seconds": 0.3}
    with product.faults(fault("dynamodb", "UpdateItem", "InternalServerError", **slow_to_fail)):
        arn = product.start_reset(user)
        product.wait_for_state(arn, "SendClaimLink")
        password = product.stored_password(user)
        assert product.wait_for_end(arn).states[-1] == "Failed"
    return Ended(user, product.wait_for_link(user), password)


def test_no_secret_of_a_reset_is_anywhere_but_in_its_mail(product: Product) -> None:
    before = datetime.now(UTC)
    resets = [ending(product) for ending in (claimed, expired, failed)]
    refusals = [product.extract(ended.link) for ended in resets]
    places = list(everywhere(product, before))
    for ended, refused in zip(resets, refusals, strict=True):
        assert leaks(ended.password, iter(places)) == []
        assert leaks(ended.link.rs, iter([("a refusal", refused.text + str(refused.headers))])) == []
        (mail,) = leaks(ended.link.rs, iter(places))
        assert "CONFIDENTIAL" in mail
        assert ended.user in mail


def test_secret_in_the_path_of_a_damaged_link_is_logged_nowhere(product: Product) -> None:
    """Mail programs make such links, so the secret reaches API Gateway; there it ends."""
    before, user = datetime.now(UTC), product.create_user(PASSWORD)
    arn = product.start_reset(user)
    link = product.wait_for_link(user)
    page = product.http.get(link.page)
    for scanner, escaped in pairs((product.http.get, product.http.head), ("%23", "%2523")):
        shown = scanner(f"{link.page}{escaped}ph={link.ph}&rs={link.rs}")
        assert shown.status_code == 200
        assert shown.text in {page.text, ""}
        assert leaks(link.rs, iter([("the answer", shown.text + str(shown.headers))])) == []
    (mail,) = leaks(link.rs, everywhere(product, before))
    assert "CONFIDENTIAL" in mail
    product.claim(link).raise_for_status()
    product.wait_for_end(arn)


def test_secret_of_a_question_is_nowhere_but_in_its_mail(product: Product) -> None:
    before, questions = datetime.now(UTC), []
    for answer in ("yes", "no"):
        user = product.create_user(PASSWORD)
        product.start_reset(user, confirm=True)
        question = product.wait_for_question(user)
        answered = [product.answer(question, answer), product.answer(question, answer)]
        assert [each.status_code for each in answered] == [200, 410]
        told = [(str(each), each.text + str(each.headers)) for each in answered]
        assert leaks(question.rs, iter(told)) == []
        questions.append(question)
    places = list(everywhere(product, before))
    for question in questions:
        (mail,) = leaks(question.rs, iter(places))
        assert "Did you ask" in mail


def test_secret_of_a_notice_is_nowhere_but_in_its_mail(product: Product) -> None:
    before, user = datetime.now(UTC), product.create_user(PASSWORD)
    product.start_reset_and_claim(user)
    notice = product.wait_for_notice(user)
    answered = [product.revoke(notice), product.revoke(notice)]
    assert [each.status_code for each in answered] == [200, 410]
    assert leaks(notice.rs, iter([(str(each), each.text + str(each.headers)) for each in answered])) == []
    (mail,) = leaks(notice.rs, everywhere(product, before))
    assert "was shown" in mail


def secrets_of(product: Product, credentials: dict[str, Any]) -> list[str]:
    """Return the secret parts of SMTP credentials: the password, and the secret it derives from."""
    keys = product.http.get(f"{product.stack.endpoint_url}/_latchkey/access-keys").json()
    return [credentials["password"], keys[credentials["username"]]]


def test_rotated_credentials_are_nowhere_but_in_their_secret(product: Product) -> None:
    before, rotation = datetime.now(UTC), Rotation(product)
    rotated = []
    for _ in range(2):
        assert rotation.run(overlap_seconds=0, grace_seconds=0).states[-1] == "Rotated"
        rotated += secrets_of(product, rotation.credentials())
    refused = fault("smtp", "Login", "535")
    with product.faults(refused):
        arn = rotation.start(overlap_seconds=0, grace_seconds=0, verify_seconds=3)
        product.wait_for_state(arn, "VerifyCredentials")
        rolled_back = secrets_of(product, rotation.credentials("AWSPENDING"))
        assert product.wait_for_end(arn).states[-1] == "Failed"
    places = list(everywhere(product, before))
    assert [leaks(secret, iter(places)) for secret in (*rotated, *rolled_back)] == [[]] * 6


SECRET = "Xy7!kQ_-9%w\"r'&z=R4+tL2"


@pytest.mark.parametrize(
    "disguised",
    sorted(disguises(SECRET)),
)
def test_search_finds_a_secret_in_any_disguise(disguised: str) -> None:
    assert leaks(SECRET, iter([("here", f"... {disguised} ..."), ("there", "...")])) == ["here"]


def test_search_finds_planted_leaks(product: Product) -> None:
    """The search itself can fail: it finds a secret planted in each kind of place."""
    before, logs, ssm = datetime.now(UTC), product.client("logs"), product.client("ssm")
    group, name = f"/latchkey/{product.stack.stack_name}/functions", "/planted"
    logs.create_log_stream(logGroupName=group, logStreamName="planted")
    event = {"timestamp": int(before.timestamp() * 1000), "message": json.dumps({"oops": SECRET})}
    logs.put_log_events(logGroupName=group, logStreamName="planted", logEvents=[event])
    ssm.put_parameter(Name=name, Value=SECRET, Type="SecureString")
    product.client("cloudwatch").put_metric_data(
        Namespace="planted",
        MetricData=[{"MetricName": "m", "Dimensions": [{"Name": "user", "Value": SECRET}]}],
    )
    mail = {"Subject": {"Data": "planted"}, "Body": {"Text": {"Data": SECRET}}}
    product.client("sesv2").send_email(
        FromEmailAddress="latchkey@example.com",
        Destination={"ToAddresses": ["planted@example.com"]},
        Content={"Simple": mail},
    )
    arn = product.start_reset(SECRET)
    product.wait_for_end(arn)
    try:
        found = " ".join(leaks(SECRET, everywhere(product, before)))
    finally:
        logs.delete_log_stream(logGroupName=group, logStreamName="planted")
        ssm.delete_parameter(Name=name)
    for place in ("log /latchkey", "parameter /planted", "metrics", "mail", "history of", "description of"):
        assert place in found
