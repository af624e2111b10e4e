"""Resets of one user at the same moment: one link works, and it shows the password that works."""

import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from local.driver.product import Link, Product, wait_for

OLD_PASSWORD = "0ld-Password-of-the-user"
#: More of them by hand: PAIRS=200.
PAIRS = int(os.environ.get("PAIRS", "10"))


@pytest.fixture
def patient(product: Product) -> Generator[Product]:
    """Let retries take as long as on AWS: here they give each reset its turn."""
    with product.waits_as_long_as_on_aws():
        yield product


def test_twenty_resets_at_once_leave_one_link_that_shows_the_password(patient: Product) -> None:
    user = patient.create_user(OLD_PASSWORD)
    with ThreadPoolExecutor(20) as pool:
        arns = list(pool.map(lambda _: patient.start_reset(user), range(20)))
    ended = wait_for("nineteen to be superseded", lambda: all_but_one_over(patient, arns), seconds=180)
    runs = [patient.wait_for_end(arn) for arn in ended]
    assert [run.cause or run.states[-1] for run in runs] == ["Superseded"] * 19
    mails = patient.mails(user, "CONFIDENTIAL")
    answers = [patient.extract(Link.within(mail["text"])) for mail in mails]
    (revealed,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} == {200, 410}
    assert patient.sign_in(user, revealed["password"])["signed_in"]
    (last,) = set(arns) - set(ended)
    assert patient.wait_for_end(last).states[-1] == "Claimed"
    assert patient.waiting(user) == []


def test_of_two_resets_at_once_one_link_works_and_shows_the_password(patient: Product) -> None:
    """One pair after the other: more at once would each start functions of its own."""
    for _ in range(PAIRS):
        user = patient.create_user(OLD_PASSWORD)
        with ThreadPoolExecutor(2) as pool:
            pair = list(pool.map(patient.start_reset, [user] * 2))
        ended = wait_for("one to be superseded", partial(all_but_one_over, patient, pair))
        assert patient.wait_for_end(ended[0]).states[-1] == "Superseded"
        (last,) = set(pair) - set(ended)
        patient.wait_for_state(last, "WaitForClaim")
        mails = patient.mails(user, "CONFIDENTIAL")
        answers = [patient.claim(Link.within(mail["text"])) for mail in mails]
        (revealed,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert patient.sign_in(user, revealed["password"])["signed_in"]


def all_but_one_over(patient: Product, arns: list[str]) -> list[str] | None:
    describe = patient.client("stepfunctions").describe_execution
    over = [arn for arn in arns if describe(executionArn=arn)["status"] != "RUNNING"]
    return over if len(over) == len(arns) - 1 else None
