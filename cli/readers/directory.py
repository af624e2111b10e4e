"""The directory's parameters, and the network they name."""

from __future__ import annotations

import ssl
from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cli.readers import NotThereError, asking
from cli.rules.directory import Authority, DirectorySecret, Network, port_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef, RouteTableTypeDef, SubnetTypeDef

    from cli.scope import Scope

#: What functions ask beside the directory, from within the VPC: the reminders' always, the resets' too.
_SERVICES = ("s3", "secretsmanager")
_SERVICES_OF_RESETS = ("kms",)
_HTTPS_PORT = 443

_AWS_KEY = "alias/aws/secretsmanager"


def read_authority(scope: Scope) -> Authority | None:
    """Read the certificate among the parameters."""
    hosts = scope.listed("DirectoryHosts")
    if not hosts:
        return None
    return Authority(_expiry(scope.parameter("DirectoryCaCertificate")), scope.now, hosts)


def read_secret(scope: Scope) -> DirectorySecret | None:
    """Read how the secret of the account that reads is encrypted, and nothing of the secret."""
    return _read_secret(scope, "DirectorySecretName") if scope.listed("DirectoryHosts") else None


def read_reset_secret(scope: Scope) -> DirectorySecret | None:
    """Read the same of the secret of the account that resets passwords."""
    return _read_secret(scope, "DirectoryResetSecretName")


def _read_secret(scope: Scope, parameter: str) -> DirectorySecret | None:
    name = scope.parameter(parameter)
    if not name:
        return None
    try:
        with asking():
            found = scope.session.client("secretsmanager").describe_secret(SecretId=name)
    except NotThereError:
        return DirectorySecret(parameter, name, exists=False)
    key = found.get("KmsKeyId", "")
    return DirectorySecret(
        parameter, name, exists="DeletedDate" not in found, key="" if key == _AWS_KEY else key
    )


def read_network(scope: Scope) -> Network | None:
    """Read the subnets and security groups, and where they lead."""
    hosts = scope.listed("DirectoryHosts")
    if not hosts:
        return None
    ec2 = scope.session.client("ec2")
    subnet_ids, group_ids = scope.listed("DirectorySubnetIds"), scope.listed("DirectorySecurityGroupIds")
    # By a filter, because a call that names an id of something missing fails as a whole.
    subnets = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": subnet_ids}])["Subnets"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": group_ids}])[
        "SecurityGroups"
    ]
    ports = frozenset({_HTTPS_PORT, *map(port_of, hosts)})
    region = scope.session.region_name
    needed = (*_SERVICES, *(_SERVICES_OF_RESETS if scope.parameter("DirectoryResetSecretName") else ()))
    return Network(
        missing_subnets=tuple(sorted(set(subnet_ids) - {each["SubnetId"] for each in subnets})),
        missing_groups=tuple(sorted(set(group_ids) - {each["GroupId"] for each in groups})),
        vpcs=frozenset([each["VpcId"] for each in subnets] + [each["VpcId"] for each in groups]),
        open_ports=frozenset(
            port for port in ports for group in groups if _lets_out(group["IpPermissionsEgress"], port)
        ),
        # Without a group there is one finding already.
        ports=ports if groups else frozenset(),
        unreachable=tuple(
            (subnet["SubnetId"], service)
            for subnet in subnets
            for service in _unreachable(ec2, subnet, region, needed)
        ),
    )


def _expiry(text: str) -> datetime | None:
    """Return when the first of the authorities' certificates expires; None where one of them is none.

    They are DER in base64, separated by commas.
    """
    ends = []
    for each in text.split(","):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=b64decode(each, validate=True))
        except (ValueError, ssl.SSLError):
            return None
        # Only certificates that may issue others are listed.
        found = context.get_ca_certs()
        if not found:
            return None
        ends.append(ssl.cert_time_to_seconds(str(found[0]["notAfter"])))
    return datetime.fromtimestamp(min(ends), UTC)


def _lets_out(egress: Iterable[IpPermissionOutputTypeDef], port: int) -> bool:
    return any(
        each["IpProtocol"] == "-1"
        or (each["IpProtocol"] == "tcp" and each["FromPort"] <= port <= each["ToPort"])
        for each in egress
    )


def _unreachable(ec2: EC2Client, subnet: SubnetTypeDef, region: str, needed: Iterable[str]) -> Iterator[str]:
    """Yield the services that a function in the subnet, which has no public address, does not reach."""
    table = _route_table(ec2, subnet)
    if table is not None and _has_way_out(table):
        return
    found = ec2.describe_vpc_endpoints(
        Filters=[
            {"Name": "vpc-id", "Values": [subnet["VpcId"]]},
            {"Name": "vpc-endpoint-state", "Values": ["available"]},
        ]
    )["VpcEndpoints"]
    table_id = table["RouteTableId"] if table else ""
    reached = {
        each["ServiceName"].rpartition(".")[2]
        for each in found
        if each["ServiceName"].startswith(f"com.amazonaws.{region}.")
        and (each["VpcEndpointType"] == "Interface" or table_id in each.get("RouteTableIds", []))
    }
    yield from (service for service in needed if service not in reached)


def _route_table(ec2: EC2Client, subnet: SubnetTypeDef) -> RouteTableTypeDef | None:
    """Return the subnet's own route table, else the VPC's main one."""
    for filters in (
        [{"Name": "association.subnet-id", "Values": [subnet["SubnetId"]]}],
        [{"Name": "vpc-id", "Values": [subnet["VpcId"]]}, {"Name": "association.main", "Values": ["true"]}],
    ):
        tables = ec2.describe_route_tables(Filters=filters)["RouteTables"]  # type: ignore[arg-type]
        if tables:
            return tables[0]
    return None


def _has_way_out(table: RouteTableTypeDef) -> bool:
    """Tell whether the default route leads out; an internet gateway takes public addresses only."""
    return any(
        route.get("DestinationCidrBlock") == "0.0.0.0/0"
        and route.get("State") == "active"
        and not route.get("GatewayId", "").startswith("igw-")
        for route in table["Routes"]
    )
