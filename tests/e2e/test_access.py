"""Who may ask for a reset, from where, and how often; what no answer tells."""

import json
import secrets
import statistics
import time
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from botocore.credentials import Credentials

from latchkey.web.http import SECURITY_HEADERS
from local.cloud import LocalCloud
from local.driver import stacks
from local.driver.product import Product
from tests.e2e.browser import open_chromium
from tests.e2e.probe import Probe, borrowed
from tests.e2e.test_permissions import call

ALICE, BOB, UNKNOWN = "alice@example.com", "bob@example.com", "unknown@example.com"
HERE, ELSEWHERE = "127.0.0.1/32", "192.0.2.0/24"
ROUTES = [("GET", "generate"), ("HEAD", "generate"), ("POST", "generate")]
ROUTES += [
    (method, route) for route in ("extract", "confirm", "revoke") for method in ("GET", "HEAD", "POST")
]


POSTS = [(method, route) for method, route in ROUTES if method == "POST"]
OLD_PASSWORD = "0ld-Password-of-the-user"


class Access:
    """A product whose parameters say who may ask; an operator changes them where they differ."""

    def __init__(self, product: Product) -> None:
        """Remember what was deployed first."""
        self.product = product
        self._first = self._now = stacks.parameters(product.cloud)

    def given(self, parameters: Mapping[str, str]) -> Product:
        """Return the product with these parameters, and all others as at first."""
        wanted = {**self._first, **parameters}
        if wanted != self._now:
            stacks.update(self.product.cloud, wanted)
            self._now = wanted
        return self.product


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Generator[Access]:
    """Deploy once; users ask once a day, so that no test runs into a new window."""
    with LocalCloud(tmp_path_factory.mktemp("access"), wait_scale=0.01, resets_only=True) as cloud:
        cloud.deploy({"RequestWindowMinutes": "1440", "ProtectedPathPrefix": "/admins/"})
        with closing(Product(cloud)) as product:
            yield Access(product)


def send(product: Product, method: str, route: str, **options: Any) -> httpx.Response:  # noqa: ANN401
    return product.http.request(method, f"{product.stack.api_url}/{route}", **options)


def refused_like_any_answer(answer: httpx.Response) -> bool:
    """Tell whether a refusal is JSON with the security headers."""
    is_json = answer.headers["content-type"].startswith("application/json")
    return (
        is_json
        and all(
            answer.headers.get(name) == value for name, value in SECURITY_HEADERS.items() if "'" not in value
        )
        and "message" in answer.json()
    )


# Signed calls


def policy(product: Product, method: str = "POST", path: str = "generate") -> str:
    api = product.stack.api_url.split("/")[-2]
    resource = f"arn:aws:execute-api:{product.stack.region}:*:{api}/*/{method}/{path}"
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}],
        }
    )


@pytest.fixture(scope="module", params=["", HERE], ids=["from anywhere", "from here"])
def cidrs(request: pytest.FixtureRequest) -> str:
    """Let in any address, or this machine's only: by a resource policy, which must not let in more."""
    return str(request.param)


@pytest.fixture
def iam_product(access: Access, cidrs: str) -> Product:
    """Take signed calls only."""
    return access.given({"RequestAccess": "Iam", "AllowedCidrs": cidrs})


def test_unsigned_request_gets_403(iam_product: Product) -> None:
    answer = iam_product.request(ALICE)
    assert answer.status_code == 403
    assert refused_like_any_answer(answer)


def test_where_only_signed_calls_may_ask_the_page_says_whom_to_ask(iam_product: Product) -> None:
    page = send(iam_product, "GET", "generate").text
    assert "<form" not in page
    assert "administrators" in page


def test_signed_request_without_permission_gets_403(iam_product: Product) -> None:
    assert iam_product.request_signed(ALICE, iam_product.create_caller()).status_code == 403


def test_permission_for_another_route_is_none_for_requests(iam_product: Product) -> None:
    other = policy(iam_product, "GET", "*")
    assert iam_product.request_signed(ALICE, iam_product.create_caller(other)).status_code == 403


def test_signed_request_with_permission_gets_202(iam_product: Product) -> None:
    answer = iam_product.request_signed(ALICE, iam_product.create_caller(policy(iam_product)))
    assert answer.status_code == 202, answer.text


def test_signed_request_with_a_forged_signature_gets_403(iam_product: Product) -> None:
    key = iam_product.create_caller(policy(iam_product))
    assert iam_product.request_signed(ALICE, Credentials(key.access_key, "forged")).status_code == 403


def test_pages_and_answers_to_links_need_no_signature(iam_product: Product) -> None:
    gone = {"ph": "-", "rs": "-", "answer": "yes"}
    assert send(iam_product, "GET", "generate").status_code == 200
    for route in ("extract", "confirm", "revoke"):
        assert send(iam_product, "GET", route).status_code == 200
        assert send(iam_product, "POST", route, json=gone).status_code == 410


def test_signed_requests_are_not_confirmed_by_mail(iam_product: Product) -> None:
    user = iam_product.create_user(OLD_PASSWORD)
    iam_product.request_signed(user, iam_product.create_caller(policy(iam_product)))
    assert iam_product.claim(iam_product.wait_for_link(user)).status_code == 200
    iam_product.wait_for_notice(user)
    assert iam_product.mails(user, "Did you ask") == []


# The two locks before requests, each alone


@contextmanager
def api_open(product: Product) -> Generator[None]:
    """Have the API let every request through, as a stage does that serves an older definition."""
    gateway, api = product.client("apigateway"), product.stack.api_url.split("/")[-2]
    stage = product.stack.api_url.split("/")[-1]
    routes = gateway.get_resources(restApiId=api, limit=500)["items"]
    (place,) = (
        {"restApiId": api, "resourceId": each["id"]} for each in routes if each["path"] == "/generate"
    )
    kind = gateway.get_method(**place, httpMethod="POST")["authorizationType"]
    # API Gateway gives a policy as the inside of a JSON text, quotes escaped.
    addresses = json.loads(f'"{gateway.get_rest_api(restApiId=api).get("policy", "")}"')

    def serve(kind: str, addresses: str) -> None:
        change = {"op": "replace", "path": "/authorizationType", "value": kind}
        gateway.update_method(**place, httpMethod="POST", patchOperations=[change])
        change = {"op": "replace", "path": "/policy", "value": addresses}
        gateway.update_rest_api(restApiId=api, patchOperations=[change])
        gateway.create_deployment(restApiId=api, stageName=stage)

    serve("NONE", "")
    try:
        yield
    finally:
        serve(kind, addresses)


@contextmanager
def function_open(product: Product) -> Generator[None]:
    """Have the function take every request, as it does where RequestAccess is Public."""
    functions, name = product.client("lambda"), product.physical_id("RequestResetFunction")
    environment = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    opened = {**environment, "REQUEST_ACCESS": "Public"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": opened})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": environment})


def test_the_function_takes_signed_requests_only_whatever_the_api_lets_through(iam_product: Product) -> None:
    user = iam_product.create_user(OLD_PASSWORD)
    with api_open(iam_product):
        answer = iam_product.request(user)
    assert (answer.status_code, answer.json()["error"]) == (403, "Not authenticated")
    assert not iam_product.execution_arns(user)


def test_the_api_takes_signed_requests_only_whatever_the_function_takes(iam_product: Product) -> None:
    user = iam_product.create_user(OLD_PASSWORD)
    with function_open(iam_product):
        answer = iam_product.request(user)
    assert (answer.status_code, "error" in answer.json()) == (403, False)
    assert not iam_product.execution_arns(user)


# Signed-in people

PASSWORD = "Pa55-word-of-the-pool"
HELPDESK = "helpdesk"


class People:
    """A user pool and those who sign in to it."""

    def __init__(self, cloud: LocalCloud, groups: tuple[str, ...] = (HELPDESK,)) -> None:
        """Make a pool with its groups and a client."""
        self._cognito = cloud.client("cognito-idp")
        pool = self._cognito.create_user_pool(PoolName="people")["UserPool"]
        self._pool, self.arn = pool["Id"], pool["Arn"]
        flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        self.client, self._another_client = (
            self._cognito.create_user_pool_client(
                UserPoolId=self._pool, ClientName=name, ExplicitAuthFlows=flows
            )["UserPoolClient"]["ClientId"]
            for name in ("people", "another")
        )
        for group in groups:
            self._cognito.create_group(UserPoolId=self._pool, GroupName=group)

    def let_sign_in_on(self, page: str) -> None:
        """Let people sign in on that page, by the pool's own."""
        self._cognito.update_user_pool_client(
            UserPoolId=self._pool,
            ClientId=self.client,
            CallbackURLs=[page],
            SupportedIdentityProviders=["COGNITO"],
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid", "email"],
        )

    def create(self, mail: str, *groups: str, verified: bool = True) -> str:
        """Create a user with that address, and return the name to sign in with."""
        name, pool = f"person-{secrets.token_hex(4)}", self._pool
        attributes = {"email": mail, "email_verified": str(verified).lower()}
        self._cognito.admin_create_user(
            UserPoolId=pool,
            Username=name,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
        )
        self._cognito.admin_set_user_password(
            UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True
        )
        for group in groups:
            self._cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
        return name

    def sign_in(
        self, mail: str, *groups: str, verified: bool = True, elsewhere: bool = False
    ) -> dict[str, str]:
        """Create a user with that address, sign them in, and return the tokens by their names."""
        name = self.create(mail, *groups, verified=verified)
        answer = self._cognito.admin_initiate_auth(
            UserPoolId=self._pool,
            ClientId=self._another_client if elsewhere else self.client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        tokens: dict[str, str] = answer["AuthenticationResult"]
        return tokens


@pytest.fixture(scope="module")
def people(access: Access) -> People:
    """Have a user pool with the helpdesk's group and others, and let people sign in on the page."""
    people = People(access.product.cloud, (HELPDESK, f"not-{HELPDESK}", "staff"))
    people.let_sign_in_on(f"{access.product.stack.api_url}/generate")
    return people


@pytest.fixture
def pool(access: Access, people: People, cidrs: str) -> tuple[Product, People]:
    """Take the tokens of that user pool."""
    cognito = {"RequestAccess": "Cognito", "UserPoolArn": people.arn, "HelpdeskGroup": HELPDESK}
    # Another origin than the page's, as a real pool's is.
    domain = access.product.stack.endpoint_url.replace("127.0.0.1", "localhost")
    sign_in = {"UserPoolDomain": domain, "UserPoolClientId": people.client}
    return access.given({**cognito, **sign_in, "AllowedCidrs": cidrs}), people


def ask(product: Product, token: str, user: str) -> httpx.Response:
    return send(product, "POST", "generate", json={"user": user}, headers={"Authorization": token})


def test_request_without_a_token_gets_401(pool: tuple[Product, People]) -> None:
    answer = pool[0].request(ALICE)
    assert answer.status_code == 401
    assert refused_like_any_answer(answer)


def test_the_function_takes_tokens_only_whatever_the_api_lets_through(pool: tuple[Product, People]) -> None:
    product, _ = pool
    with api_open(product):
        answer = product.request(ALICE)
    assert (answer.status_code, answer.json()["error"]) == (403, "Not authenticated")


def test_people_may_ask_for_themselves(pool: tuple[Product, People]) -> None:
    product, people = pool
    user = product.create_user(OLD_PASSWORD)
    token = people.sign_in(user)["IdToken"]
    answer = ask(product, token, user)
    assert answer.status_code == 202, answer.text
    assert product.claim(product.wait_for_link(user)).status_code == 200
    assert product.mails(user, "Did you ask") == []
    assert ask(product, token, user.capitalize()).status_code == 202


def test_people_may_not_ask_for_others(pool: tuple[Product, People]) -> None:
    product, people = pool
    answer = ask(product, people.sign_in(ALICE)["IdToken"], BOB)
    assert answer.status_code == 403
    assert refused_like_any_answer(answer)


def create_tagged_user(product: Product, address: str) -> str:
    name, iam = f"user-{secrets.token_hex(6)}", product.client("iam")
    iam.create_user(UserName=name, Tags=[{"Key": "email", "Value": address}])
    iam.create_login_profile(UserName=name, Password=OLD_PASSWORD)
    return name


def test_people_may_ask_for_the_user_whose_tag_is_their_address(pool: tuple[Product, People]) -> None:
    product, people = pool
    address = f"mary-{secrets.token_hex(4)}@corp.example.com"
    name = create_tagged_user(product, address)
    assert ask(product, people.sign_in(address)["IdToken"], name).status_code == 202
    assert product.claim(product.wait_for_link(address)).json()["user"] == name


def test_a_request_for_another_persons_user_name_comes_to_nothing(pool: tuple[Product, People]) -> None:
    product, people = pool
    address = f"mary-{secrets.token_hex(4)}@corp.example.com"
    name = create_tagged_user(product, address)
    assert ask(product, people.sign_in(ALICE)["IdToken"], name).status_code == 202
    (arn,) = product.execution_arns(name)
    run = product.wait_for_end(arn)
    assert json.loads(run.description["output"])["rejected"] == "NotOwnAccountError"
    assert product.mails(address) == []
    assert ask(product, people.sign_in(address)["IdToken"], name).status_code == 202
    assert product.wait_for_link(address)


def test_people_sign_in_on_the_page_and_ask_there(pool: tuple[Product, People]) -> None:
    product, people = pool
    address = f"mary-{secrets.token_hex(4)}@corp.example.com"
    name, person = create_tagged_user(product, address), people.create(address)
    page_address = f"{product.stack.api_url}/generate"
    with open_chromium() as browser:
        page = browser.new_page()
        page.goto(f"{page_address}?user={name}")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Username").fill(person)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Send the link").click()
        page.get_by_role("heading", name="Your request has been submitted").wait_for()
        assert page.url == page_address
        assert page.evaluate("[sessionStorage.length, localStorage.length]") == [0, 0]
        # What no sign-in of this page asked for is none.
        page.goto(f"{page_address}?code=stolen&state=guessed")
        page.get_by_text("You are not signed in yet").wait_for()
        assert not page.get_by_role("button", name="Send the link").is_visible()
        assert page.url == page_address
    assert product.claim(product.wait_for_link(address)).json()["user"] == name


def test_an_address_that_is_not_verified_is_not_theirs(pool: tuple[Product, People]) -> None:
    product, people = pool
    assert ask(product, people.sign_in(ALICE, verified=False)["IdToken"], ALICE).status_code == 403


@pytest.mark.parametrize("groups", [(HELPDESK,), ("staff", HELPDESK)], ids=["alone", "among others"])
def test_helpdesk_may_reset_any_user(pool: tuple[Product, People], groups: tuple[str, ...]) -> None:
    product, people = pool
    assert ask(product, people.sign_in("carol@example.com", *groups)["IdToken"], BOB).status_code == 202


def test_other_groups_may_not_ask_for_others(pool: tuple[Product, People]) -> None:
    product, people = pool
    token = people.sign_in("carol@example.com", f"not-{HELPDESK}", "staff")["IdToken"]
    assert ask(product, token, BOB).status_code == 403


@pytest.mark.parametrize(("token", "elsewhere"), [("AccessToken", False), ("IdToken", True)])
def test_a_token_for_something_else_gets_403_even_the_helpdesks(
    pool: tuple[Product, People], token: str, *, elsewhere: bool
) -> None:
    product, people = pool
    tokens = people.sign_in(ALICE, HELPDESK, elsewhere=elsewhere)
    assert ask(product, tokens[token], ALICE).status_code == 403


def test_token_of_another_pool_gets_401(pool: tuple[Product, People]) -> None:
    product, _ = pool
    stranger = People(product.cloud).sign_in(ALICE, HELPDESK)
    assert ask(product, stranger["IdToken"], ALICE).status_code == 401


def test_pages_need_no_token(pool: tuple[Product, People]) -> None:
    assert send(pool[0], "GET", "extract").status_code == 200


# Addresses


def test_an_address_outside_reaches_no_route(access: Access) -> None:
    outside = {"RequestAccess": "Public", "AllowedCidrs": f"{ELSEWHERE},2001:db8::/32"}
    product = access.given(outside)
    user = product.create_user(OLD_PASSWORD)
    for method, route in ROUTES:
        answer = send(product, method, route, json={"user": user})
        assert answer.status_code == 403, (method, route)
        assert method == "HEAD" or refused_like_any_answer(answer), (method, route)
    assert not product.execution_arns(user)


@pytest.fixture
def public(access: Access) -> Product:
    """Take unsigned requests, from this machine among others."""
    return access.given({"RequestAccess": "Public", "AllowedCidrs": f"{ELSEWHERE},{HERE}"})


def test_an_address_inside_reaches_every_route(public: Product) -> None:
    for method, route in ROUTES:
        assert send(public, method, route).status_code != 403, (method, route)


@pytest.mark.parametrize("route", ["generate", "extract", "confirm", "revoke"])
@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}], ids=["new", "old"]
)
def test_a_page_of_another_site_reaches_no_account(
    public: Product, route: str, headers: dict[str, str]
) -> None:
    mails = len(public.mails())
    answer = send(public, "POST", route, headers=headers, data={"user": ALICE})
    assert (answer.status_code, answer.json()["error"]) == (403, "Not allowed")
    assert len(public.mails()) == mails


def test_the_apis_own_pages_may_send(public: Product) -> None:
    parts = urlsplit(public.stack.api_url)
    origin = {"Origin": f"{parts.scheme}://{parts.netloc}"}
    assert send(public, "POST", "generate", headers=origin, data={"user": "no-such-user"}).status_code == 202


# Protected users


def test_neither_our_code_nor_iam_touches_protected_users(public: Product) -> None:
    iam, old = public.client("iam"), OLD_PASSWORD
    free, tagged = public.create_user(old), public.create_user(old, {"latchkey:protected": "no"})
    below, member = "chief@example.com", public.create_user(old)
    iam.create_user(UserName=below, Path="/admins/europe/")
    iam.create_login_profile(UserName=below, Password=old)
    iam.create_group(GroupName="Admins")
    iam.add_user_to_group(GroupName="Admins", UserName=member)

    for user in (tagged, below, member):
        run = public.wait_for_end(public.start_reset(user))
        assert run.states == ["ValidateUser", "Rejected"], user
        assert public.mails(user) == []
        assert public.sign_in(user, old)["signed_in"]
    public.wait_for_state(public.start_reset(free), "WaitForClaim")

    setting = {
        user: call("iam", "update_login_profile", UserName=user, Password=f"{old}-2")
        for user in (free, tagged, below)
    }
    with closing(Probe(public.stack)) as probe:
        for function in ("ResetIamPassword", "RevokePassword", "RevokeClaim"):
            assert probe.answers(borrowed(public, function), setting) == {
                free: "allowed",
                tagged: "AccessDenied",
                below: "AccessDenied",
            }


# How often


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Return all that an answer tells, without what differs from any one to the next."""
    changing = {
        "date",
        "x-amzn-requestid",
        "x-amz-apigw-id",
        "x-amzn-trace-id",
        "x-amz-id-2",
        "x-amz-request-id",
    }
    headers = {name: value for name, value in answer.headers.items() if name not in changing}
    return answer.status_code, headers, answer.content


def storm(product: Product, user: str) -> list[httpx.Response]:
    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(lambda _: product.request(user), range(200)))


def test_two_hundred_requests_make_one_reset_and_tell_nothing(public: Product) -> None:
    user = public.create_user(OLD_PASSWORD)
    known, unknown = storm(public, user), storm(public, UNKNOWN)
    assert [answer.status_code for answer in known] == [202] * 200
    first = told(known[0])
    assert [answer for answer in [*known, *unknown] if told(answer) != first] == []
    assert len(public.execution_arns(user)) == len(public.execution_arns(UNKNOWN)) == 1
    public.wait_for_end(public.execution_arns(UNKNOWN)[0])
    assert public.answer(public.wait_for_question(user), "yes").status_code == 200
    public.wait_for_state(public.execution_arns(user)[0], "WaitForClaim")
    assert len(public.mails(user, "Did you ask")) == len(public.mails(user, "CONFIDENTIAL")) == 1
    assert public.mails(UNKNOWN) == []


#: A look-up of the user would take longer; two series of one user were seen to differ by less than 1 ms.
TOLERATED_SECONDS = 0.010


def test_answers_take_as_long_for_unknown_users(public: Product) -> None:
    """Side by side, so that other load on the machine slows both."""
    user = public.create_user(OLD_PASSWORD)
    for each in (user, UNKNOWN):
        public.request(each)
    public.wait_for_question(user)
    seconds: dict[str, list[float]] = {user: [], UNKNOWN: []}
    for turn in range(400):
        # Alternating which of the two goes first.
        each = (user, UNKNOWN)[(turn + turn // 2) % 2]
        started = time.perf_counter()
        assert public.request(each).status_code == 202
        seconds[each].append(time.perf_counter() - started)
    known, unknown = (statistics.median(times) for times in seconds.values())
    assert abs(known - unknown) < TOLERATED_SECONDS, f"{known:.4f} s and {unknown:.4f} s"
    assert min(seconds[user]) < unknown < max(seconds[user])
    assert min(seconds[UNKNOWN]) < known < max(seconds[UNKNOWN])


def test_above_the_rate_callers_get_429(access: Access) -> None:
    limits = [f"{route}{limit}" for route in ("Generate", "Extract", "Other") for limit in ("Rate", "Burst")]
    product = access.given({"RequestAccess": "Public", **dict.fromkeys(limits, "1")})
    for method, route in [*POSTS, ("GET", "extract")]:
        answers = [send(product, method, route, json={}) for _ in range(20)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused, (method, route)
        assert len(refused) < len(answers), "every route has a rate of its own"
        assert all(map(refused_like_any_answer, refused))
        assert int(refused[0].headers["Retry-After"]) > 0
