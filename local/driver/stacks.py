"""What an operator does in CloudFormation's console: other parameters, another stack of the same template.

`sam deploy` would build, pack and upload what has not changed; this takes a tenth of its time.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from local.cloud import API_ID_TAG, STACK_NAME
from local.sam import packages_bucket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.cloud import LocalCloud, Stack

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_TEMPLATE = "template"
_POLL_SECONDS = 0.05


class StackError(RuntimeError):
    """When CloudFormation could not do what it was asked to; the message says why."""


def parameters(cloud: LocalCloud, name: str = STACK_NAME) -> dict[str, str]:
    """Return the parameters that a stack was deployed with."""
    (stack,) = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}


def update(cloud: LocalCloud, changed: Mapping[str, str], name: str = STACK_NAME) -> None:
    """Change parameters of a stack. Raises StackError."""
    _change(cloud, "update_stack", name, {**parameters(cloud, name), **changed})


def create(cloud: LocalCloud, name: str, changed: Mapping[str, str]) -> Stack:
    """Deploy the product once more, under another name and with other parameters.

    Raises StackError; what was made until then is deleted.
    """
    api_url = cloud.api_url(name)
    given = {**parameters(cloud), "PublicBaseUrl": api_url, **changed}
    tags = [{"Key": API_ID_TAG, "Value": name}]
    _change(cloud, "create_stack", name, given, Tags=tags, OnFailure="DELETE")
    return replace(cloud.stack, stack_name=name, api_url=api_url, outputs=cloud.outputs(name))


def delete(cloud: LocalCloud, name: str) -> None:
    """Delete a stack and wait until it has gone. Raises StackError."""
    cloudformation = cloud.client("cloudformation")
    identity = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=name)
    _settle(cloudformation, identity, "DELETE_COMPLETE")


def _change(cloud: LocalCloud, call: str, name: str, given: Mapping[str, str], **more: object) -> None:
    cloudformation = cloud.client("cloudformation")
    # The template as it was before SAM transformed it: CloudFormation would reuse what it was transformed to
    # (docs/aws.md).
    written = cloudformation.get_template(StackName=STACK_NAME, TemplateStage="Original")["TemplateBody"]
    bucket = packages_bucket(STACK_NAME)
    cloud.client("s3").put_object(Bucket=bucket, Key=_TEMPLATE, Body=written)
    answer = getattr(cloudformation, call)(
        StackName=name,
        TemplateURL=f"{cloud.endpoint_url}/{bucket}/{_TEMPLATE}",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=_CAPABILITIES,
        **more,
    )
    _settle(cloudformation, answer["StackId"], f"{call.partition('_')[0].upper()}_COMPLETE")


def _settle(cloudformation: Any, identity: str, wanted: str) -> None:  # noqa: ANN401  # boto3's clients have no common type.
    while True:
        (stack,) = cloudformation.describe_stacks(StackName=identity)["Stacks"]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            break
        time.sleep(_POLL_SECONDS)
    if stack["StackStatus"] != wanted:
        pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=identity)
        events = [event for page in pages for event in page["StackEvents"]]
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        raise StackError(
            "\n".join(f"{each['LogicalResourceId']}: {each['ResourceStatusReason']}" for each in failed)
        )
