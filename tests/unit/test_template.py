"""Promises of the template that no emulator can show."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from latchkey.web.http import SECURITY_HEADERS
from tools.asl import read_definition, read_template

ROOT = Path(__file__).parents[2]
TEMPLATE: Any = read_template(ROOT / "template.yaml")
PARAMETERS, RESOURCES = TEMPLATE["Parameters"], TEMPLATE["Resources"]
API = RESOURCES["Api"]["Properties"]
DEFINITION = API["DefinitionBody"]
POLICY = DEFINITION["x-amazon-apigateway-policy"]["Fn::If"]


@pytest.mark.parametrize("kind", ["DEFAULT_4XX", "DEFAULT_5XX", "THROTTLED"])
def test_api_gateways_own_answers_have_every_security_header(kind: str) -> None:
    response = DEFINITION["x-amazon-apigateway-gateway-responses"][kind]
    headers = {
        name.removeprefix("gatewayresponse.header."): value.strip("'")
        for name, value in response["responseParameters"].items()
    }
    # A constant stands in single quotes, and whether it may hold some of its own is nowhere documented.
    expected = {name: value for name, value in SECURITY_HEADERS.items() if "'" not in value}
    assert {name: headers.get(name) for name in expected} == expected
    assert all(re.fullmatch(r"'.*'", value) for value in response["responseParameters"].values())
    assert set(headers) - set(expected) == ({"Retry-After"} if kind == "THROTTLED" else set())


def test_only_requests_for_resets_need_a_signature_or_a_token() -> None:
    secured = [
        (path, method)
        for path, methods in DEFINITION["paths"].items()
        for method, operation in methods.items()
        if "security" in operation
    ]
    assert secured == [("/generate", "post")]


def test_the_policy_stays_neutral_about_signed_requests_and_allows_every_other_route() -> None:
    condition, policy, otherwise = POLICY
    assert (condition, otherwise) == ("LimitsAddresses", {"Ref": "AWS::NoValue"})
    _, allow = policy["Statement"]
    needs, signed, unsigned = allow["Resource"]["Fn::If"]
    assert (needs, unsigned) == ("NeedsSignature", ["execute-api:/*"])
    routes = {
        f"{method.upper()}{path}": path for path, methods in DEFINITION["paths"].items() for method in methods
    }
    patterns = [
        re.escape(resource.removeprefix("execute-api:/*/")).replace(r"\*", ".*") for resource in signed
    ]
    allowed = {route for route in routes if any(re.fullmatch(pattern, route) for pattern in patterns)}
    assert set(routes) - allowed == {"POST/generate"}


def test_the_policy_denies_other_addresses_every_route() -> None:
    deny, _ = POLICY[1]["Statement"]
    assert deny == {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "execute-api:Invoke",
        "Resource": "execute-api:/*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": {"Ref": "AllowedCidrs"}}},
    }


def test_a_web_acl_stands_before_the_stage_where_one_is_given() -> None:
    association = RESOURCES["WebAclAssociation"]
    assert association["Type"] == "AWS::WAFv2::WebACLAssociation"
    assert TEMPLATE["Conditions"][association["Condition"]] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "WebAclArn"}, ""]}]
    }
    stage = "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${Api}/stages/${Api.Stage}"
    assert association["Properties"] == {"ResourceArn": {"Fn::Sub": stage}, "WebACLArn": {"Ref": "WebAclArn"}}


def test_the_api_keeps_no_path_of_a_request() -> None:
    """Mail programs make links whose secret is in the path."""
    api = RESOURCES["Api"]["Properties"]
    assert api["TracingEnabled"] is False
    assert "$context.path" not in api["AccessLogSetting"]["Format"]
    # API Gateway's words repeat what was signed, tokens included.
    assert "$context.error.message" not in api["AccessLogSetting"]["Format"]
    assert not [each for each in api["MethodSettings"] if {"LoggingLevel", "DataTraceEnabled"} & set(each)]


@pytest.mark.parametrize(("route", "most"), [("Generate", 5), ("Extract", 50), ("Other", 100)])
def test_rates_let_two_hundred_requests_at_once_pass_and_no_flood(route: str, most: int) -> None:
    # SSM stores three passwords a second; a new account answers 100 requests.
    assert 3 < PARAMETERS[f"{route}Rate"]["Default"] <= most
    assert PARAMETERS[f"{route}Burst"]["Default"] >= 200


def test_functions_that_set_passwords_are_denied_protected_users() -> None:
    setters = [
        name
        for name, resource in RESOURCES.items()
        if resource["Type"] == "AWS::IAM::Role" and _allows(resource["Properties"], "iam:UpdateLoginProfile")
    ]
    assert {"ResetIamPasswordRole", "RevokePasswordRole"} <= set(setters)
    for name in setters:
        assert {"Ref": "ProtectUsersPolicy"} in RESOURCES[name]["Properties"]["ManagedPolicyArns"], name


def _allows(role: dict[str, Any], action: str) -> bool:
    given = [each for one in role.get("Policies", []) for each in one["PolicyDocument"]["Statement"]]
    statements = [each["Fn::If"][1] if "Fn::If" in each else each for each in given]
    return any(action in each["Action"] for each in statements if each["Effect"] == "Allow")


def test_all_functions_have_the_same_code() -> None:
    """The local cloud packs it once for all of them."""
    assert TEMPLATE["Globals"]["Function"]["CodeUri"]
    assert not [name for name, each in RESOURCES.items() if "CodeUri" in each.get("Properties", {})]


def test_lists_are_private_encrypted_and_forgotten() -> None:
    bucket = RESOURCES["ReminderRunsBucket"]["Properties"]
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 30
    (statement,) = RESOURCES["ReminderRunsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_only_what_speaks_to_the_directory_is_in_its_network() -> None:
    inside = {name for name, resource in RESOURCES.items() if "VpcConfig" in resource["Properties"]}
    assert inside == {
        "FindDirectoryUserFunction",
        "SetDirectoryPasswordFunction",
        "UnlockDirectoryAccountFunction",
        "RevokeDirectoryPasswordFunction",
        "ListDirectoryUsersFunction",
    }


def test_the_schedule_is_there_only_where_there_are_users_to_remind() -> None:
    schedule = RESOURCES["RemindersSchedule"]
    assert schedule["Condition"] == "SendsReminders"
    assert "State" not in schedule["Properties"]
    assert schedule["Properties"]["ScheduleExpressionTimezone"] == {"Ref": "ReminderTimeZone"}


def test_the_waits_of_a_rotation_fit_between_two() -> None:
    waits = PARAMETERS["OverlapHours"]["MaxValue"] + PARAMETERS["GraceHours"]["MaxValue"]
    assert waits < PARAMETERS["RotationDays"]["MinValue"] * 24


def test_the_schedule_of_rotations_begins_at_once() -> None:
    schedule = RESOURCES["RotationSchedule"]["Properties"]
    assert schedule["ScheduleExpression"] == {"Fn::Sub": "rate(${RotationDays} days)"}
    assert "StartDate" not in schedule
    assert "State" not in schedule


def test_the_smtp_user_may_only_send_as_the_sender() -> None:
    user = RESOURCES["SmtpUser"]["Properties"]
    (policy,) = user["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "ses:SendRawEmail"
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "SenderAddress"}}}
    assert set(user) == {"Path", "PermissionsBoundary", "Policies"}


def test_an_alarm_rings_where_credentials_get_too_old() -> None:
    alarm = RESOURCES["SmtpSecretOldAlarm"]["Properties"]
    assert (alarm["MetricName"], alarm["Namespace"]) == ("SmtpSecretOverdue", {"Ref": "AWS::StackName"})
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "rotation"}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 2)
    measured = RESOURCES["MeasureSecretAgeFunction"]["Properties"]["Environment"]["Variables"]
    assert measured["POWERTOOLS_SERVICE_NAME"] == "rotation"
    assert measured["ROTATION_DAYS"] == {"Ref": "RotationDays"}


def test_the_smtp_secret_is_found_by_its_name_should_an_operator_recreate_it() -> None:
    by_arn = {name for name, resource in RESOURCES.items() if "SmtpSecret.Id" in repr(resource)}
    assert by_arn == set()


ACCEPTED = {
    "DirectoryHosts": ["", "dc1.corp.example.com", "dc1.corp.example.com:3269,dc2"],
    "DirectorySubnetIds": ["", "subnet-0123456789abcdef0"],
    "NotifyDays": ["1", "15", "365"],
    "NotifyAfterDays": ["", "0", "7", "14"],
    "NotifyManagerDays": ["", "0", "3"],
    "ReminderTime": ["04:00", "06:30", "23:59"],
    "ReminderTimeZone": ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+1"],
    "AllowedCidrs": [
        "",
        "192.0.2.0/24",
        "10.0.0.0/8",
        "255.255.255.255/32",
        "0.0.0.0/0",
        "2001:db8::/32",
        "::/0",
    ],
    "HelpdeskGroup": ["", "helpdesk", "Help-Desk_1"],
    "ProtectedGroups": ["", "Administrators", "a+b=c.d@e-f_g"],
    "ProtectedPathPrefix": ["", "/admins/", "/company/admins/"],
    "PermissionsBoundaryArn": [
        "",
        "arn:aws:iam::123456789012:policy/boundaries/app",
        "arn:aws-us-gov:iam::aws:policy/PowerUserAccess",
    ],
    "RolePath": ["/", "/apps/", "/apps/latchkey/"],
    "OrganizationName": ["", "Müller & Söhne GmbH", "株式会社"],
    "SupportContact": ["", "it@example.com", "https://help.example.com/?a=1", "Room 12, phone 4711"],
    "AccentColor": ["#17695c", "#FFCC00"],
    "SignInUrl": ["", "https://sso.example.com/start#/"],
    "SmtpPort": ["587", "2587", "34567"],
    "SmtpHost": ["", "email-smtp.eu-west-1.amazonaws.com", "127.0.0.1", "mail"],
    "UserPoolArn": ["", "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbC123"],
    "WebAclArn": [
        "",
        "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/mine/11111111-2222-4333-8444-555555555555",
    ],
}
REFUSED = {
    "DirectoryHosts": ["ldaps://dc1", "dc1,", "dc1 dc2"],
    "DirectorySubnetIds": ["vpc-1", "subnet-"],
    "NotifyDays": ["0", "-1", "1.5", " 7", "1000"],
    "NotifyAfterDays": ["-1", "1.5", " 7", "100"],
    "NotifyManagerDays": ["-1", "1.5", "1000"],
    "ReminderTime": ["03:59", "24:00", "6:00", "06:60"],
    "ReminderTimeZone": ["", "Europe/", "UTC;"],
    "AllowedCidrs": [
        "192.0.2.0",
        "192.0.2.0/33",
        "256.0.0.0/8",
        "192.0.2/24",
        "abc/8",
        "2001:db8::/129",
        "*",
        "/8",
    ],
    "HelpdeskGroup": ["help desk", "a,b", "[a]"],
    "ProtectedGroups": ["a b", "*", "a,b"],
    "ProtectedPathPrefix": ["/", "admins", "/admins", "admins/", "//", "/ad*/", "/a//b/"],
    "PermissionsBoundaryArn": ["boundary", "arn:aws:iam::123456789012:role/app"],
    "RolePath": ["", "apps/", "/apps", "//"],
    "OrganizationName": ["two\nlines", "<b>", "{{user}}", "x" * 61],
    "SupportContact": ["two\nlines", "<b>", "{{user}}", "x" * 201],
    "AccentColor": ["", "17695c", "#17695", "red", "#17695c;}"],
    # Beside it people read the password that they take there.
    "SignInUrl": ["http://sso.example.com/start", "javascript:alert(1)", "sso.example.com"],
    "SmtpPort": ["25", "465", "2465", "", "587 "],
    "SmtpHost": ["mail:587", "smtp://mail", "mail.", "-mail", "a b"],
    "UserPoolArn": ["eu-west-1_AbC123", "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/*"],
    "WebAclArn": ["arn:aws:wafv2:us-east-1:123456789012:global/webacl/mine/11111111"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in ACCEPTED for value in ACCEPTED[name]])
def test_a_parameter_takes_what_the_stack_can_use(name: str, value: str) -> None:
    assert re.fullmatch(PARAMETERS[name]["AllowedPattern"], value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in REFUSED for value in REFUSED[name]])
def test_a_parameter_refuses_what_the_stack_cannot_use(name: str, value: str) -> None:
    assert not re.fullmatch(PARAMETERS[name]["AllowedPattern"], value)


BASE_URL = {
    "Fn::If": [
        "HasPublicBaseUrl",
        {"Ref": "PublicBaseUrl"},
        {"Fn::Sub": TEMPLATE["Outputs"]["ApiUrl"]["Value"]["Fn::Sub"]},
    ]
}


@pytest.mark.parametrize("name", ["ConfirmRequest", "SendClaimLink", "NotifyClaimed"])
def test_links_lead_where_the_deployment_says(name: str) -> None:
    variables = RESOURCES[f"{name}Function"]["Properties"]["Environment"]["Variables"]
    assert variables["BASE_URL"] == BASE_URL


@pytest.mark.parametrize("name", ["NotifyExpired", "NotifyFailed", "SendReminders"])
def test_no_mail_leads_to_a_page_whose_request_would_be_refused(name: str) -> None:
    page = RESOURCES[f"{name}Function"]["Properties"]["Environment"]["Variables"]["REQUEST_PAGE"]["Fn::If"]
    assert page == ["ClosesRequestPage", "", {"Fn::Sub": ["${Base}/generate", {"Base": BASE_URL}]}]
    no_sign_in = {"Fn::And": [{"Condition": "NeedsToken"}, {"Fn::Equals": [{"Ref": "UserPoolDomain"}, ""]}]}
    assert TEMPLATE["Conditions"]["ClosesRequestPage"] == {
        "Fn::Or": [{"Condition": "NeedsSignature"}, no_sign_in]
    }


@pytest.mark.parametrize("name", ["RequestReset", "RevealPassword", "AnswerRequest", "RevokeClaim"])
def test_functions_of_post_routes_know_where_people_come_from(name: str) -> None:
    variables = RESOURCES[f"{name}Function"]["Properties"]["Environment"]["Variables"]
    assert variables["PUBLIC_BASE_URL"] == {"Ref": "PublicBaseUrl"}


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("https://reset.example.com", True),
        ("https://proxy.example.com/reset/people", True),
        ("http://127.0.0.1:4566/api/dev", True),
        ("", True),
        ("https://reset.example.com/", False),
        ("https://reset.example.com/#x", False),
        ("http://reset.example.com", False),
    ],
)
def test_the_base_of_links_is_an_address_without_a_slash_at_its_end(address: str, *, taken: bool) -> None:
    assert bool(re.fullmatch(PARAMETERS["PublicBaseUrl"]["AllowedPattern"], address)) is taken


def test_the_schedule_starts_the_reminders_under_a_name_that_cannot_be_taken_before() -> None:
    target = RESOURCES["RemindersSchedule"]["Properties"]["Target"]
    assert target["Arn"] == {"Ref": "RemindersStateMachine"}
    assert target["Input"] == '{"scheduled_at": "<aws.scheduler.scheduled-time>"}'


def test_an_alarm_rings_where_a_day_passes_without_a_run_of_the_reminders() -> None:
    alarm = RESOURCES["RemindersMissedAlarm"]
    watched = alarm["Properties"]
    assert alarm["Condition"] == "SendsReminders"
    assert (watched["MetricName"], watched["TreatMissingData"]) == ("RemindersReported", "breaching")
    assert timedelta(hours=25) < timedelta(seconds=watched["Period"] * watched["EvaluationPeriods"])


def test_the_alarm_for_unsent_notices_watches_what_the_state_counts() -> None:
    counts = read_definition(ROOT / "statemachines" / "reset.asl.json")["States"]["CountUnsentNotice"]
    alarm = RESOURCES["NoticeUnsentAlarm"]["Properties"]
    (metric,) = counts["Arguments"]["MetricData"]
    assert (counts["Arguments"]["Namespace"], alarm["Namespace"]) == (
        "${StackName}",
        {"Ref": "AWS::StackName"},
    )
    assert (metric["MetricName"], metric["Dimensions"]) == (alarm["MetricName"], alarm["Dimensions"])


def test_an_alarm_rings_before_a_flood_reaches_what_the_rate_lets_through() -> None:
    alarm, rate = RESOURCES["RequestFloodAlarm"]["Properties"], PARAMETERS["GenerateRate"]["Default"]
    assert alarm["MetricName"] == "ExecutionsStarted"
    assert alarm["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": "ResetStateMachine"}}]
    assert alarm["Threshold"] <= rate * alarm["Period"] / 2


def test_the_readme_has_every_parameter_in_the_group_where_the_console_shows_it() -> None:
    table = (ROOT / "README.md").read_text("utf-8").partition("### Parameters\n")[2].partition("\n#")[0]
    shown: dict[str, list[str]] = {}
    for line in table.splitlines():
        if heading := re.match(r"\| \*\*(.+?)\*\*", line):
            shown[heading[1]] = []
        elif line.startswith("| `"):
            shown[list(shown)[-1]] += re.findall(r"`(\w+)`", line.split("|")[1])
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    console = [(group["Label"]["default"], sorted(group["Parameters"])) for group in groups]
    assert [(label, sorted(names)) for label, names in shown.items()] == console
