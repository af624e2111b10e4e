"""A link, from outside: it shows its password once, despite scanners, strangers and double clicks."""

import json
import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from http.client import HTTPConnection
from itertools import cycle
from urllib.parse import urlsplit

import httpx
import pytest

from local.driver.product import Link, Product

GONE = {"error": "Invalid!", "message": "This link is expired or has been already used once"}
SUBMITTED = "Your request has been submitted. Please check your email for further details"
PASSWORD = "0ld-Password-of-the-user"
AT_ONCE = 50
#: More of them by hand: RACES=1000.
ROUNDS = int(os.environ.get("RACES", "100"))
#: Mail gateways, chat previews, a bare client, and a browser that a gateway pretends to be.
SCANNERS = [
    "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 10.0; Win64; x64; Trident/5.0) BingPreview/1.0b",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0",
    "Barracuda Sentinel (EE)",
    "",
]


def mailed_link(product: Product) -> tuple[str, Link]:
    """Reset a new user and return the name and the link it was mailed."""
    user = product.create_user(PASSWORD)
    product.start_reset(user)
    return user, product.wait_for_link(user)


def test_link_shows_the_password_once_and_never_again(product: Product) -> None:
    user, link = mailed_link(product)
    first = product.claim(link)
    assert first.status_code == 200
    revealed = first.json()
    assert set(revealed) == {"password", "user", "sign_in_url"}
    assert revealed["user"] == user
    assert product.sign_in(user, revealed["password"]) == {"signed_in": True, "password_reset_required": True}
    for _ in range(3):
        again = product.extract(link)
        assert (again.status_code, again.json()) == (410, GONE)


def test_fifty_simultaneous_claims_reveal_exactly_once(product: Product) -> None:
    """Half of them come by the mail's link, half by its code: both are one claim."""
    api, arns = urlsplit(product.stack.api_url), []
    with ExitStack() as opened:
        line = [
            opened.enter_context(closing(HTTPConnection(api.netloc, timeout=120))) for _ in range(AT_ONCE)
        ]
        # The next reset goes on beside a race; more of them at once would each start functions of its own.
        next_up = ThreadPoolExecutor(1)
        opened.callback(next_up.shutdown, cancel_futures=True)
        for arn, text in next_up.map(lambda _: claimable(product), range(ROUNDS)):
            ways = (Link.within(text), Link.of_code(text, product.stack.api_url))
            assert race(line, f"{api.path}/extract", ways) == {200: 1, 410: AT_ONCE - 1}
            arns.append(arn)
    assert {product.wait_for_end(arn).states[-1] for arn in arns} == {"Claimed"}


def claimable(product: Product) -> tuple[str, str]:
    """Reset a new user until the workflow waits; return the execution, and the text of the mail."""
    user = product.create_user(PASSWORD)
    arn = product.start_reset(user)
    text = product.wait_for_mail(user, "CONFIDENTIAL")["text"]
    product.wait_until_claimable(user)
    return arn, text


def race(line: list[HTTPConnection], path: str, ways: Iterable[Link]) -> Counter[int]:
    """Send a claim over each connection, by each way in turn, and only then read the answers; count them."""
    for connection, link in zip(line, cycle(ways), strict=False):
        connection.request("POST", path, json.dumps({"ph": link.ph, "rs": link.rs}), JSON)
    answers = [connection.getresponse() for connection in line]
    for answer in answers:
        answer.read()
    return Counter(answer.status for answer in answers)


def test_two_hundred_scanner_visits_consume_nothing(product: Product) -> None:
    _, link = mailed_link(product)
    for number in range(100):
        query = {"ph": link.ph, "rs": link.rs} if number % 2 else None
        headers = {"User-Agent": SCANNERS[number % len(SCANNERS)]}
        got = product.http.get(link.page, params=query, headers=headers)
        assert (got.status_code, link.rs in got.text) == (200, False)
        head = product.http.head(link.page, params=query, headers=headers)
        assert (head.status_code, head.content) == (200, b"")
    assert product.claim(link).status_code == 200


def test_link_opened_before_the_workflow_waits_asks_for_patience(product: Product) -> None:
    user = product.create_user(PASSWORD)
    slow = {"service": "dynamodb", "action": "UpdateItem", "match": ":task_token", "delay_seconds": 6}
    with product.faults(slow):
        product.start_reset(user)
        link = product.wait_for_link(user)
        early = product.extract(link)
        assert early.status_code == 503
        assert int(early.headers["Retry-After"]) > 0
        assert product.claim(link).status_code == 200


def test_claim_without_an_answer_may_have_counted_and_the_next_reset_works(product: Product) -> None:
    user, link = mailed_link(product)
    product.wait_until_claimable(user)
    unanswered = {"service": "dynamodb", "action": "UpdateItem", "match": "#claimed_by", "times": 3}
    with product.faults({**unanswered, "crash": True, "late": True}) as hits:
        assert product.extract(link).status_code == 504
        assert hits() == [3]
    assert product.extract(link).status_code == 410
    product.start_reset(user)
    assert product.claim(product.wait_for_link(user, 2)).status_code == 200


def test_wrong_secrets_neither_open_nor_consume(product: Product) -> None:
    _, link = mailed_link(product)
    other = "".join(reversed(link.rs))
    for wrong in (replace(link, rs=other), replace(link, rs=link.rs[:-1]), replace(link, rs=link.rs + "A")):
        answer = product.extract(wrong)
        assert (answer.status_code, answer.json()) == (410, GONE)
    assert product.claim(link).status_code == 200


def test_handles_that_never_existed_get_the_same_answer(product: Product) -> None:
    _, link = mailed_link(product)
    key, expiry, reset = link.ph.split(".")
    for wrong in (
        f"{key[::-1]}.{expiry}.{reset}",
        f"{key}.{int(expiry) + 1}.{reset}",
        "../../base-url",
        "nonsense",
    ):
        answer = product.extract(replace(link, ph=wrong))
        assert (answer.status_code, answer.json()) == (410, GONE)
    used = product.claim(link)
    assert used.status_code == 200
    never, after = product.extract(replace(link, ph="nonsense")), product.extract(link)
    assert without_trace(never) == without_trace(after)


def without_trace(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """Return what a stranger can compare of two answers: all but the request's own id and the clock."""
    own = {"x-amzn-requestid", "x-amz-request-id", "x-amzn-trace-id", "x-amz-apigw-id", "x-amz-id-2", "date"}
    return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k not in own}


def test_known_and_unknown_users_get_the_same_answer(product: Product) -> None:
    known = product.request(product.create_user(PASSWORD))
    unknown = product.request("no-such-user@example.com")
    assert (known.status_code, known.json()) == (202, {"message": SUBMITTED})
    assert without_trace(known) == without_trace(unknown)


def test_repeated_request_is_swallowed(product: Product) -> None:
    user = product.create_user(PASSWORD)
    first = product.request_and_confirm(user)
    link = product.wait_for_link(user)
    second = product.request(user)
    assert without_trace(first) == without_trace(second)
    assert product.claim(link).status_code == 200
    (arn,) = product.execution_arns(user)
    product.wait_for_end(arn)
    assert len(product.mails(user, "CONFIDENTIAL")) == len(product.mails(user, "Did you ask")) == 1


def test_after_a_claim_the_next_request_starts_at_once(product: Product) -> None:
    user = product.create_user(PASSWORD)
    for number in (1, 2):
        product.request(user)
        product.answer(product.wait_for_question(user, number), "yes").raise_for_status()
        revealed = product.claim(product.wait_for_link(user, number)).json()
        assert product.sign_in(user, revealed["password"])["signed_in"]


def test_a_refused_request_keeps_further_ones_out(product: Product) -> None:
    user = product.create_user(PASSWORD)
    product.request(user)
    product.answer(product.wait_for_question(user), "no").raise_for_status()
    (arn,) = product.execution_arns(user)
    assert product.wait_for_end(arn).states[-1] == "Declined"
    assert product.request(user).json() == {"message": SUBMITTED}
    assert product.execution_arns(user) == [arn]


@pytest.mark.parametrize("form", ["json", "form", "query"])
def test_a_reset_works_in_whichever_form_the_user_is_sent(product: Product, form: str) -> None:
    user = product.create_user(PASSWORD)
    url = f"{product.stack.api_url}/generate"
    match form:
        case "json":
            answer = product.http.post(url, json={"user": user})
        case "form":
            answer = product.http.post(url, data={"user": user})
        case _:
            answer = product.http.post(url, params={"user": user})
    assert answer.status_code == 202
    assert product.wait_for_question(user)


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: What API Gateway might pass on otherwise than a function of `tests/unit/test_http.py` gets it.
MALFORMED = {
    "missing": (b"{}", JSON, "user"),
    "not UTF-8 in JSON": (b'{"user": "al\xffce@example.com"}', JSON, None),
    "not UTF-8 in a form": (b"user=al%FFce", FORM, None),
    "too large": (b'{"user": "alice@example.com", "more": "%s"}' % (b"a" * 5000), JSON, "body"),
    "of another type": (b"<user/>", {"Content-Type": "text/xml"}, "content-type"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_is_answered_by_naming_the_field(product: Product, name: str) -> None:
    body, headers, field = MALFORMED[name]
    answer = product.http.post(f"{product.stack.api_url}/generate", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["field"] == field or field is None
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("field", ["ph", "rs"])
def test_malformed_claim_is_answered_by_naming_the_field(product: Product, field: str) -> None:
    body = {"ph": "nonsense", "rs": "nonsense", field: "\x00"}
    answer = product.http.post(f"{product.stack.api_url}/extract", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_claim_by_query_is_no_claim(product: Product) -> None:
    _, link = mailed_link(product)
    answer = product.http.post(link.page, params={"ph": link.ph, "rs": link.rs})
    assert (answer.status_code, answer.json()["field"]) == (400, "ph")
    assert product.claim(link).status_code == 200


def test_mails_code_is_its_link_once_more(product: Product) -> None:
    user, link = mailed_link(product)
    text = product.wait_for_mail(user, "CONFIDENTIAL")["text"]
    assert Link.of_code(text, product.stack.api_url) == link


def test_notice_does_not_name_a_proxy_as_the_persons_address(product: Product) -> None:
    user, link = mailed_link(product)
    proxied = {
        "X-Forwarded-For": "203.0.113.7, 130.176.1.1",
        "CloudFront-Viewer-Address": "198.51.100.9:46532",
    }
    product.wait_until_claimable(user)
    body = {"ph": link.ph, "rs": link.rs}
    product.http.post(link.page, json=body, headers=proxied).raise_for_status()
    notice = product.wait_for_mail(user, "was shown")["text"]
    assert "it is not known from which network address" in notice
    assert not [address for address in ("203.0.113.7", "130.176.1.1", "198.51.100.9") if address in notice]


def test_mail_says_what_it_must(product: Product) -> None:
    user, link = mailed_link(product)
    mail = product.wait_for_mail(user, "CONFIDENTIAL")
    assert mail["subject"] == "CONFIDENTIAL: Account information"
    assert mail["text"].rstrip().splitlines()[-1] == "NOTE: This link is valid for a single use only."
    assert link.page == f"{product.stack.api_url}/extract"
    assert link.rs in mail["text"]
    assert link.rs in mail["html"]
    assert mail["from"] == "latchkey@example.com"
    assert mail["to"] == [user]
