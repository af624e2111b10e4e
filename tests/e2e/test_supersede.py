"""Resets of one user at the same moment: one link works, and it shows the password that works."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from local.cloud import LocalCloud
from local.product import Link, Product, wait_for

OLD_PASSWORD = "0ld-Password-of-the-user"


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Generator[Product]:
    """Deploy where retries take as long as on AWS: here they are what lets everybody have their turn."""
    with LocalCloud(tmp_path_factory.mktemp("patient"), resets_only=True) as cloud:
        cloud.deploy()
        with closing(Product(cloud)) as outside:
            yield outside


def test_twenty_resets_at_once_leave_one_link_that_shows_the_password(patient: Product) -> None:
    user = patient.create_user(OLD_PASSWORD)
    with ThreadPoolExecutor(20) as crowd:
        arns = list(crowd.map(lambda _: patient.start_reset(user), range(20)))
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
    assert patient.parameters(user) == []


def all_but_one_over(patient: Product, arns: list[str]) -> list[str] | None:
    describe = patient.client("stepfunctions").describe_execution
    over = [arn for arn in arns if describe(executionArn=arn)["status"] != "RUNNING"]
    return over if len(over) == len(arns) - 1 else None
