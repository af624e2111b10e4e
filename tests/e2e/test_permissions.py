"""Each function, under its own role, may make the calls it needs and is refused all others."""

import base64
from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest

from local.driver.product import Product
from local.driver.reminders import Reminders
from local.driver.rotation import Rotation
from tests.e2e.probe import DENIED, Probe, borrowed


def call(service: str, name: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"service": service, "call": name, "arguments": arguments}


def sealed_password(product: Product) -> str:
    """Return the name of a password that is sealed by the claims' key."""
    return f"/latchkey/{product.stack.stack_name}/passwords/sealed"


def calls(product: Product) -> dict[str, dict[str, Any]]:
    """Return every kind of call the product makes, and some that no part of it may make."""
    stack = product.stack.stack_name
    key, machine = product.stack.outputs["ClaimKeyArn"], product.stack.outputs["ResetStateMachineArn"]
    password, table = f"/latchkey/{stack}/passwords/probe", product.registry
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:probe"
    users, questions, notices, index = (
        {"id": {"S": f"{kind}#probe"}} for kind in ("user", "question", "notice", "index")
    )
    sealed = {"latchkey:execution": "probe"}
    touch = {"UpdateExpression": "REMOVE nothing"}
    smtp_user, smtp_secret = Rotation(product).user, product.stack.outputs["SmtpSecretArn"]
    rotation, no_key = product.stack.outputs["RotationStateMachineArn"], "AKIA0000000000000000"
    reminders = Reminders(product)
    lists, sent, runs = reminders.bucket, reminders.table, reminders.machine_arn
    record = {"id": {"S": "probe"}}
    user, nothing = "alice@example.com", base64.b64encode(b"nothing").decode()
    mail = {
        "FromEmailAddress": "latchkey@example.com",
        "Destination": {"ToAddresses": ["probe@example.com"]},
        "Content": {"Simple": {"Subject": {"Data": "-"}, "Body": {"Text": {"Data": "-"}}}},
    }
    step = {"Source": "latchkey.reset", "DetailType": "Probed", "Detail": "{}"}
    return {
        "read a user": call("iam", "get_user", UserName=user),
        "list a user's groups": call("iam", "list_groups_for_user", UserName=user),
        "read a login profile": call("iam", "get_login_profile", UserName=user),
        "read the password policy": call("iam", "get_account_password_policy"),
        "list the users": call("iam", "get_account_authorization_details", Filter=["User"]),
        "read the index of users": call("dynamodb", "get_item", TableName=table, Key=index),
        "write the index of users": call("dynamodb", "put_item", TableName=table, Item=index),
        "note that users are listed": call("dynamodb", "update_item", TableName=table, Key=index, **touch),
        "list a user's MFA devices": call("iam", "list_mfa_devices", UserName=user),
        "simulate a user's policies": call(
            "iam",
            "simulate_principal_policy",
            PolicySourceArn=f"arn:aws:iam::000000000000:user/{user}",
            ActionNames=["iam:ChangePassword"],
        ),
        "set a password": call(
            "iam", "update_login_profile", UserName="unknown", Password="Aa0!aaaaaaaaaaaa"
        ),
        "encrypt": call("kms", "encrypt", KeyId=key, Plaintext=nothing, EncryptionContext=sealed),
        "decrypt": call("kms", "decrypt", KeyId=key, CiphertextBlob=nothing, EncryptionContext=sealed),
        "store a password": call(
            "ssm", "put_parameter", Name=password, Value="-", Type="String", Overwrite=True
        ),
        "read a password": call("ssm", "get_parameter", Name=password),
        "open a password": call("ssm", "get_parameter", Name=sealed_password(product), WithDecryption=True),
        "seal a password": call(
            "ssm",
            "put_parameter",
            Name=sealed_password(product),
            Value="-",
            Type="SecureString",
            KeyId=key,
            Tier="Advanced",
            Overwrite=True,
        ),
        "delete a password": call("ssm", "delete_parameter", Name=password),
        "list passwords": call("ssm", "get_parameters_by_path", Path=f"/latchkey/{stack}/passwords"),
        "move a user's reset": call(
            "dynamodb",
            "update_item",
            TableName=table,
            Key=users,
            UpdateExpression="REMOVE #c.phase",
            ExpressionAttributeNames={"#c": "current"},
        ),
        "close a user's window": call(
            "dynamodb", "update_item", TableName=table, Key=users, UpdateExpression="REMOVE open_until"
        ),
        "read a user's reset": call("dynamodb", "get_item", TableName=table, Key=users),
        "ask a question": call("dynamodb", "put_item", TableName=table, Item=questions),
        "read questions": call("dynamodb", "get_item", TableName=table, Key=questions),
        "forget questions": call("dynamodb", "delete_item", TableName=table, Key=questions),
        "keep a notice": call("dynamodb", "put_item", TableName=table, Item=notices),
        "read notices": call("dynamodb", "get_item", TableName=table, Key=notices),
        "forget notices": call("dynamodb", "delete_item", TableName=table, Key=notices),
        "look for what is due": call(
            "dynamodb",
            "query",
            TableName=table,
            IndexName="due",
            KeyConditionExpression="queue = :queue",
            ExpressionAttributeValues={":queue": {"S": "cleanup"}},
        ),
        "tell a step": call("events", "put_events", Entries=[step]),
        "send a mail": call("sesv2", "send_email", **mail),
        # Input that is no JSON: where it is allowed, nothing starts.
        "start a reset": call("stepfunctions", "start_execution", stateMachineArn=machine, input="no"),
        "list the SMTP user's keys": call("iam", "list_access_keys", UserName=smtp_user),
        "make an SMTP key": call("iam", "create_access_key", UserName=smtp_user),
        "deactivate an SMTP key": call(
            "iam", "update_access_key", UserName=smtp_user, AccessKeyId=no_key, Status="Inactive"
        ),
        "delete an SMTP key": call("iam", "delete_access_key", UserName=smtp_user, AccessKeyId=no_key),
        "list the SMTP secret's versions": call(
            "secretsmanager", "list_secret_version_ids", SecretId=smtp_secret
        ),
        "read the SMTP secret": call("secretsmanager", "get_secret_value", SecretId=smtp_secret),
        "stage SMTP credentials": call(
            "secretsmanager",
            "put_secret_value",
            SecretId=smtp_secret,
            SecretString="{}",
            VersionStages=["AWSPENDING"],
        ),
        "promote SMTP credentials": call(
            "secretsmanager",
            "update_secret_version_stage",
            SecretId=smtp_secret,
            VersionStage="AWSCURRENT",
            MoveToVersionId="00000000-0000-0000-0000-000000000000",
        ),
        "list rotations": call("stepfunctions", "list_executions", stateMachineArn=rotation),
        "start the reminders": call("stepfunctions", "start_execution", stateMachineArn=runs, input="no"),
        "ask for the credential report": call("iam", "generate_credential_report"),
        "read the credential report": call("iam", "get_credential_report"),
        "read the send quota": call("sesv2", "get_account"),
        "see whether an identity is verified": call(
            "sesv2", "get_email_identity", EmailIdentity="latchkey@example.com"
        ),
        "see whether an address is suppressed": call(
            "sesv2", "get_suppressed_destination", EmailAddress=user
        ),
        "take an address off the suppression list": call(
            "sesv2", "delete_suppressed_destination", EmailAddress=user
        ),
        "read the directory's secret": call(
            "secretsmanager", "get_secret_value", SecretId=f"{stack}/directory"
        ),
        "read the secret of the directory's resets": call(
            "secretsmanager", "get_secret_value", SecretId=f"{stack}/directory-resets"
        ),
        **{
            f"call {name}": call(
                "lambda",
                "invoke",
                FunctionName=product.physical_id(f"{name}Function"),
                InvocationType="DryRun",
            )
            for name in WITHIN
        },
        "see what was sent": call("dynamodb", "batch_get_item", RequestItems={sent: {"Keys": [record]}}),
        "note what is sent": call("dynamodb", "put_item", TableName=sent, Item=record),
        "take back what was noted": call("dynamodb", "delete_item", TableName=sent, Key=record),
        **{
            f"{verb} {name}": call("s3", operation, Bucket=lists, Key=f"runs/probe/{name}", **more)
            for name in LISTS
            for verb, operation, more in (("write", "put_object", {"Body": "[]"}), ("read", "get_object", {}))
        },
        "list the lists": call("s3", "list_objects_v2", Bucket=lists, Prefix="runs/"),
        "list everything in the bucket": call("s3", "list_objects_v2", Bucket=lists),
        "delete a list": call("s3", "delete_object", Bucket=lists, Key="runs/probe/iam.jsonl"),
        "forget everything that was sent": call("dynamodb", "scan", TableName=sent),
        # Allowed to no function.
        "seal what names no execution": call("kms", "encrypt", KeyId=key, Plaintext=nothing),
        "unseal what names no execution": call("kms", "decrypt", KeyId=key, CiphertextBlob=nothing),
        "decrypt what SSM encrypted": call(
            "kms",
            "decrypt",
            KeyId=key,
            CiphertextBlob=nothing,
            EncryptionContext={"PARAMETER_ARN": f"arn:aws:ssm:us-east-1:000000000000:parameter{password}"},
        ),
        "make a data key": call("kms", "generate_data_key", KeyId=key, KeySpec="AES_256"),
        "write a user's reset over": call("dynamodb", "put_item", TableName=table, Item=users),
        "delete a user's reset": call("dynamodb", "delete_item", TableName=table, Key=users),
        "change a question": call("dynamodb", "update_item", TableName=table, Key=questions, **touch),
        "list the registry": call("dynamodb", "scan", TableName=table),
        "delete the registry": call("dynamodb", "delete_table", TableName=table),
        "start a rotation": call("stepfunctions", "start_execution", stateMachineArn=rotation, input="no"),
        "list another's keys": call("iam", "list_access_keys", UserName=user),
        "delete another's key": call("iam", "delete_access_key", UserName=user, AccessKeyId=no_key),
        "deactivate another's key": call(
            "iam", "update_access_key", UserName=user, AccessKeyId=no_key, Status="Inactive"
        ),
        "delete the SMTP user": call("iam", "delete_user", UserName=smtp_user),
        "read another secret": call("secretsmanager", "get_secret_value", SecretId="other/thing"),
        "change another secret": call(
            "secretsmanager", "put_secret_value", SecretId="other/thing", SecretString="{}"
        ),
        "list secrets": call("secretsmanager", "list_secrets"),
        "delete the SMTP secret": call("secretsmanager", "delete_secret", SecretId=smtp_secret),
        "open the SMTP secret to others": call(
            "secretsmanager", "put_resource_policy", SecretId=smtp_secret, ResourcePolicy="{}"
        ),
        "create a login profile": call(
            "iam", "create_login_profile", UserName="unknown", Password="Aa0!aaaa"
        ),
        "delete a login profile": call("iam", "delete_login_profile", UserName=user),
        "create an access key": call("iam", "create_access_key", UserName=user),
        "attach a policy": call(
            "iam", "attach_user_policy", UserName=user, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
        ),
        "simulate a role's policies": call(
            "iam",
            "simulate_principal_policy",
            PolicySourceArn="arn:aws:iam::000000000000:role/admin",
            ActionNames=["iam:ChangePassword"],
        ),
        "disable MFA": call(
            "iam", "deactivate_mfa_device", UserName=user, SerialNumber="arn:aws:iam::0:mfa/-"
        ),
        "read another's parameter": call("ssm", "get_parameter", Name="/other/thing"),
        "delete another's parameter": call("ssm", "delete_parameters", Names=["/other/thing"]),
        "send as another sender": call(
            "sesv2", "send_email", **mail | {"FromEmailAddress": "ceo@example.com"}
        ),
        "publish an event as another source": call(
            "events", "put_events", Entries=[step | {"Source": "my.bank"}]
        ),
        "list resets": call("stepfunctions", "list_executions", stateMachineArn=machine),
        "look at a reset": call("stepfunctions", "describe_execution", executionArn=execution),
        "stop a reset": call("stepfunctions", "stop_execution", executionArn=execution),
        "read a reset's history": call("stepfunctions", "get_execution_history", executionArn=execution),
        "use another key": call("kms", "encrypt", KeyId="alias/another", Plaintext=nothing),
        "change the key's policy": call("kms", "put_key_policy", KeyId=key, Policy="{}"),
        "list buckets": call("s3", "list_buckets"),
        "read logs": call("logs", "describe_log_groups"),
    }


LISTS = (
    "iam.jsonl",
    "directory.jsonl",
    "batches.json",
    "batches/00000.jsonl",
    "others.jsonl",
    "counts.json",
    "report.html",
    "results/00000.jsonl",
    "report.csv",
)
#: What speaks to the directory, for functions outside its network.
WITHIN = ("FindDirectoryUser", "SetDirectoryPassword", "RevokeDirectoryPassword")
READ_USERS = {"read a user", "list a user's groups", "read a login profile"}
MOVE_RESETS = {"move a user's reset", "close a user's window"}
READ_SECRET = {"list the SMTP secret's versions", "read the SMTP secret"}

#: What each function needs; every call not named here must be refused.
ALLOWED: dict[str, set[str]] = {
    "ShowPage": set(),
    "RequestReset": {"start a reset", "close a user's window"},
    "AnswerRequest": {"read questions", "forget questions", "tell a step"},
    "RevokeClaim": {
        "read notices",
        "forget notices",
        "read a user's reset",
        "look at a reset",
        "set a password",
        *MOVE_RESETS,
        "delete a password",
        "call RevokeDirectoryPassword",
        "tell a step",
    },
    "ConfirmRequest": {*READ_USERS, "ask a question", "send a mail", "tell a step"},
    "ExpireRequest": {"forget questions", "tell a step"},
    "RevealPassword": {*MOVE_RESETS, "read a password", "open a password"},
    "ValidateUser": {
        *READ_USERS,
        "list the users",
        "read the index of users",
        "write the index of users",
        "note that users are listed",
        "list a user's MFA devices",
        "simulate a user's policies",
        "read the password policy",
        "call FindDirectoryUser",
        "tell a step",
        "close a user's window",
        "read the send quota",
        "see whether an identity is verified",
        "see whether an address is suppressed",
    },
    "GeneratePassword": {"read the password policy", "encrypt"},
    "ResetIamPassword": {
        *READ_USERS,
        "set a password",
        "decrypt",
        *MOVE_RESETS,
        "delete a password",
    },
    "ResetDirectoryPassword": {*MOVE_RESETS, "delete a password", "call SetDirectoryPassword"},
    "FindDirectoryUser": {"read the directory's secret"},
    "SetDirectoryPassword": {"read the secret of the directory's resets", "decrypt"},
    "RevokeDirectoryPassword": {"read the secret of the directory's resets"},
    "UnlockDirectoryAccount": {"read the secret of the directory's resets"},
    "NotifyUnlocked": {"close a user's window", "send a mail", "tell a step"},
    "StorePassword": {
        "store a password",
        "seal a password",
        "delete a password",
        *MOVE_RESETS,
        "decrypt",
    },
    "SendClaimLink": {*READ_USERS, "send a mail", "decrypt", "tell a step"},
    "RevokePassword": {
        "read a user",
        "read a login profile",
        "set a password",
        *MOVE_RESETS,
        "delete a password",
        "call RevokeDirectoryPassword",
    },
    "FindOrphans": {"look for what is due"},
    "RemoveOrphans": {
        "read a user",
        "read a login profile",
        "set a password",
        "read a user's reset",
        *MOVE_RESETS,
        "delete a password",
        "call RevokeDirectoryPassword",
        "look at a reset",
        "stop a reset",
        "tell a step",
    },
    "PlanRotation": {"list the SMTP user's keys", *READ_SECRET, "list rotations"},
    "CreateCredentials": {
        "list the SMTP user's keys",
        "make an SMTP key",
        "delete an SMTP key",
        *READ_SECRET,
        "stage SMTP credentials",
    },
    "VerifyCredentials": {"read the SMTP secret"},
    "PromoteCredentials": {*READ_SECRET, "promote SMTP credentials"},
    "DeactivateKey": {"list the SMTP user's keys", "deactivate an SMTP key", *READ_SECRET},
    "DeleteKey": {"list the SMTP user's keys", "delete an SMTP key", *READ_SECRET},
    "RollBack": {
        "list the SMTP user's keys",
        "delete an SMTP key",
        *READ_SECRET,
        "promote SMTP credentials",
    },
    "MeasureSecretAge": {"list the SMTP secret's versions"},
    "ListIamUsers": {
        "ask for the credential report",
        "read the credential report",
        "read the password policy",
        "read a user",
        "list a user's groups",
        "write iam.jsonl",
    },
    "ListDirectoryUsers": {"read the directory's secret", "write directory.jsonl"},
    "PlanReminders": {
        "read iam.jsonl",
        "read directory.jsonl",
        "write batches.json",
        "write batches/00000.jsonl",
        "write others.jsonl",
        "write counts.json",
        "read the send quota",
        "see what was sent",
    },
    "SendReminders": {
        "read batches/00000.jsonl",
        "write results/00000.jsonl",
        "see what was sent",
        "note what is sent",
        "take back what was noted",
        "read the SMTP secret",
    },
    "Report": {
        *(f"read {name}" for name in LISTS),
        "list the lists",
        "write report.csv",
        "write report.html",
        "send a mail",
    },
    "NotifyClaimed": {"read a user", "send a mail", "keep a notice", "tell a step"},
    "NotifyExpired": {"send a mail", "tell a step", "close a user's window"},
    "NotifyFailed": {"send a mail", "tell a step", "close a user's window"},
}


@pytest.fixture(scope="module")
def probe(product: Product) -> Generator[Probe]:
    with closing(Probe(product.stack)) as opened:
        yield opened


@pytest.fixture(scope="module")
def every_call(product: Product) -> dict[str, dict[str, Any]]:
    return calls(product)


@pytest.fixture
def answers(
    request: pytest.FixtureRequest, product: Product, probe: Probe, every_call: dict[str, dict[str, Any]]
) -> dict[str, str]:
    """Make every call under the role of the function that the test names."""
    product.client("ssm").put_parameter(
        Name=sealed_password(product),
        Value="-",
        Type="SecureString",
        KeyId=product.stack.outputs["ClaimKeyArn"],
        Overwrite=True,
    )
    return probe.answers(borrowed(product, request.param), every_call)


@pytest.mark.parametrize(("answers", "allowed"), ALLOWED.items(), indirect=["answers"], ids=list(ALLOWED))
def test_function_may_do_what_it_needs_and_nothing_else(answers: dict[str, str], allowed: set[str]) -> None:
    assert {name for name, answer in answers.items() if answer not in DENIED} == allowed


def test_every_function_of_the_template_is_probed(product: Product) -> None:
    resources = product.client("cloudformation").describe_stack_resources(StackName=product.stack.stack_name)
    functions = [
        resource["LogicalResourceId"].removesuffix("Function")
        for resource in resources["StackResources"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    ]
    assert sorted(functions) == sorted(ALLOWED)
