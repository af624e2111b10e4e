"""Delete a stage from AWS: the SMTP user's access keys first, or CloudFormation could not delete the user."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_iam import IAMClient


def delete_keys(cloudformation: CloudFormationClient, iam: IAMClient, stack: str) -> int:
    """Delete the access keys that rotations made; return how many there were, 0 where there is no stack."""
    try:
        found = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="SmtpUser")
        user = found["StackResourceDetail"]["PhysicalResourceId"]
        keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    except (ClientError, KeyError) as error:
        sys.stdout.write(f"No SMTP user in {stack}: {error}\n")
        return 0
    for key in keys:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    return len(keys)


def main() -> int:
    """Ask, delete the keys, and leave the rest to `sam delete`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage")
    stage: str = parser.parse_args().stage
    config = tomllib.loads(Path("samconfig.toml").read_text(encoding="utf-8"))
    place = config[stage]["global"]["parameters"]
    # Before anything is deleted: without its keys a stack that stays could send no mail.
    if input(f"Delete {place['stack_name']} in {place['region']}, for good? [y/N] ") != "y":
        return 1
    session = boto3.Session(region_name=place["region"])
    deleted = delete_keys(session.client("cloudformation"), session.client("iam"), place["stack_name"])
    sys.stdout.write(f"{deleted} access key(s) of the SMTP user deleted.\n")
    sam = Path(sys.executable).with_name("sam")
    return subprocess.call([sam, "delete", "--config-env", stage, "--no-prompts"])  # noqa: S603  # our own tool


if __name__ == "__main__":
    sys.exit(main())
