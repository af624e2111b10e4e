"""In any account: what an organisation demands, what a new account has not yet, and a stack of any name."""

import json
import secrets
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from local.driver import stacks
from local.driver.product import Product, wait_for
from local.driver.reminders import Reminders
from tests.e2e.test_access import policy, refused_like_any_answer

#: SSM takes no parameter whose name begins so.
NAME = "aws-latchkey"
PASSWORD = "0ld-Password-of-the-user"
RESETS_ALONE = {"RemindIamUsers": "false", "DirectoryHosts": "", "DirectoryResetSecretName": ""}
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
#: As many functions as a new account runs at once, and more people than that.
FUNCTIONS, PEOPLE = 10, 14


@pytest.fixture(scope="module")
def boundary(product: Product) -> Generator[str]:
    """Have the organisation demand a permissions boundary, and API Gateway be without a role for logs."""
    gateway, place = product.client("apigateway"), "/cloudwatchRoleArn"
    role = gateway.get_account()["cloudwatchRoleArn"]
    arn = product.client("iam").create_policy(
        PolicyName=f"boundary-{secrets.token_hex(4)}", PolicyDocument=json.dumps(ALLOW_ALL)
    )["Policy"]["Arn"]

    def demand(boundary: str, logs_role: str) -> None:
        url = f"{product.stack.endpoint_url}/_latchkey/organisation"
        product.http.post(url, json={"permissions_boundary": boundary}).raise_for_status()
        gateway.update_account(patchOperations=[{"op": "replace", "path": place, "value": logs_role}])

    demand(arn, "")
    yield arn
    demand("", role)


@pytest.fixture(scope="module")
def strict(product: Product, boundary: str) -> Generator[Product]:
    """Deploy with all that this account demands; anyone may ask."""
    given = {"PermissionsBoundaryArn": boundary, "RolePath": "/apps/", "CreateApiLogsRole": "true"}
    stack = stacks.create(product.cloud, NAME, RESETS_ALONE | given)
    with closing(Product(product.cloud, stack)) as deployed:
        yield deployed
    stacks.delete(product.cloud, NAME)


def roles(product: Product, stack: str) -> list[str]:
    """Return the names of a stack's roles."""
    pages = product.client("iam").get_paginator("list_roles").paginate()
    names = [role["RoleName"] for page in pages for role in page["Roles"]]
    return [name for name in names if name.startswith(f"{stack}-")]


def test_without_the_boundary_that_the_organisation_demands_nothing_is_deployed(
    product: Product, boundary: str
) -> None:
    assert boundary
    with pytest.raises(stacks.StackError, match="Role is not authorized to perform: iam:CreateRole"):
        stacks.create(product.cloud, NAME, RESETS_ALONE)
    assert roles(product, NAME) == []


def test_without_a_role_for_its_logs_the_api_is_not_deployed(product: Product, boundary: str) -> None:
    with pytest.raises(stacks.StackError, match="CloudWatch Logs role ARN must be set in account settings"):
        stacks.create(product.cloud, NAME, RESETS_ALONE | {"PermissionsBoundaryArn": boundary})


def test_with_all_that_the_account_demands_it_is_deployed_and_makes_no_user(strict: Product) -> None:
    """The local cloud makes no role without the boundary, and does not show it."""
    iam, stack = strict.client("iam"), strict.stack
    paths = {iam.get_role(RoleName=name)["Role"]["Path"] for name in roles(strict, stack.stack_name)}
    assert paths == {"/apps/"}
    users = [each for page in iam.get_paginator("list_users").paginate() for each in page["Users"]]
    assert not [user for user in users if user["UserName"].startswith(f"{stack.stack_name}-")]
    assert not {"SmtpSecretArn", "RotationStateMachineArn"} & set(stack.outputs)
    assert "/apps/" in strict.client("apigateway").get_account()["cloudwatchRoleArn"]


def test_a_stack_whose_name_begins_with_aws_keeps_its_passwords_where_ssm_takes_them(strict: Product) -> None:
    user = strict.create_user(PASSWORD)
    strict.request_and_confirm(user)
    link = strict.wait_for_link(user)
    (name,) = strict.passwords(user)
    assert name.startswith(f"/latchkey/{NAME}/passwords/")
    revealed = strict.claim(link).json()
    assert strict.sign_in(user, revealed["password"])["signed_in"]
    (arn,) = strict.execution_arns(user)
    assert strict.wait_for_end(arn).states[-1] == "Claimed"


def test_once_public_is_iam_the_running_api_refuses_unsigned_requests(strict: Product) -> None:
    user, gateway = strict.create_user(PASSWORD), strict.client("apigateway")
    api, stage = strict.stack.api_url.split("/")[-2:]
    deployment = gateway.get_stage(restApiId=api, stageName=stage)["deploymentId"]
    assert strict.request("no-such-user").status_code == 202

    stacks.update(strict.cloud, {"RequestAccess": "Iam"}, NAME)
    assert gateway.get_stage(restApiId=api, stageName=stage)["deploymentId"] != deployment
    answer = strict.request(user)
    assert answer.status_code == 403
    assert refused_like_any_answer(answer)
    assert "error" not in answer.json(), "the API itself refuses, before the function would"
    assert strict.execution_arns(user) == []
    assert strict.request_signed(user, strict.create_caller(policy(strict))).status_code == 202


def test_where_ten_functions_run_at_once_no_claim_is_lost_and_no_page_says_it_is_our_fault(
    product: Product,
) -> None:
    reminders = Reminders(product)
    reminders.forget()
    users = [product.create_user(PASSWORD) for _ in range(PEOPLE)]
    arns, links = [], {}
    # One after the other: all at once would start each function as often as there are people.
    for user in users:
        arns.append(product.start_reset(user))
        links[user] = product.wait_for_link(user)
    for user in users:
        product.wait_until_claimable(user)
    shown: dict[str, str] = {}
    told: set[int] = set()

    def press() -> bool:
        """Press Reveal on every page that has not shown its password yet, all at once."""
        waiting = [user for user in users if user not in shown]
        answers = crowd.map(lambda user: product.extract(links[user]), waiting)
        for user, answer in zip(waiting, answers, strict=True):
            if answer.status_code == 200:
                shown[user] = answer.json()["password"]
                continue
            # On any other answer the page would say that it is our fault, or the link's.
            busy = answer.status_code == 500 and "error" not in answer.json()
            assert busy or answer.status_code == 503, answer.text
            told.add(answer.status_code)
        return len(shown) == PEOPLE

    with product.concurrent_functions(FUNCTIONS), ThreadPoolExecutor(PEOPLE) as crowd:
        run = reminders.start()
        wait_for("the password of each", press)
        reminded = product.wait_for_end(run, seconds=300)
        ended = [product.wait_for_end(arn) for arn in arns]
    assert 500 in told, "the limit was never reached"
    assert {each.states[-1] for each in ended} == {"Claimed"}
    assert reminded.states[-1] == "Reported", reminded.cause
    assert all(product.sign_in(user, password)["signed_in"] for user, password in shown.items())
