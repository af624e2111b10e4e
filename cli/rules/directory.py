"""The directory: whether its users can be listed from where the function is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cli.findings import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.findings import Finding

#: Time enough to get another certificate and to deploy it.
_SOON = timedelta(days=30)

_LDAPS_PORT = 636

_kind = partial(Kind, section="the-directory")

DIRECTORY_CA_BROKEN = _kind(
    "DirectoryCaBroken",
    remedy="Give DirectoryCaCertificate as one line: openssl x509 -in ca.pem -outform DER | base64 -w0",
)
DIRECTORY_CA_EXPIRES = _kind(
    "DirectoryCaExpires",
    remedy="Get the authority's next certificate and deploy with it as DirectoryCaCertificate.",
)
DIRECTORY_HOST_IS_AN_ADDRESS = _kind(
    "DirectoryHostIsAnAddress",
    remedy="Name the hosts in DirectoryHosts as their certificates do.",
)
DIRECTORY_SECRET_MISSING = _kind(
    "DirectorySecretMissing", remedy="Create the secret in this region, or mend the parameter."
)
DIRECTORY_SECRET_HAS_A_KEY = _kind(
    "DirectorySecretHasAKey",
    remedy="Encrypt the secret with aws/secretsmanager, or let the function's role decrypt with the key.",
)
DIRECTORY_SUBNET_MISSING = _kind("DirectorySubnetMissing", remedy="Mend DirectorySubnetIds.")
DIRECTORY_SUBNETS_APART = _kind(
    "DirectorySubnetsApart", remedy="Take subnets and security groups of one VPC: Lambda connects to one."
)
DIRECTORY_GROUP_MISSING = _kind("DirectoryGroupMissing", remedy="Mend DirectorySecurityGroupIds.")
DIRECTORY_PORT_CLOSED = _kind(
    "DirectoryPortClosed",
    remedy="Let a security group of DirectorySecurityGroupIds out to port 636, and to 443 for AWS.",
)
DIRECTORY_ENDPOINT_MISSING = _kind(
    "DirectoryEndpointMissing",
    remedy="Create the VPC endpoint, or route the subnet to a NAT gateway.",
)
DIRECTORY_REFUSED = _kind(
    "DirectoryRefused",
    remedy="docs/operations.md says what each error means; then start the reminders as a dry run.",
)


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority of the directory's certificates; `until` is None where the text is no certificate."""

    until: datetime | None
    now: datetime
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DirectorySecret:
    """The secret that a parameter names; `key` is a key of the account's own, empty for AWS's."""

    parameter: str
    name: str
    exists: bool
    key: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """What the function is to be connected to.

    Attributes:
        missing_subnets: subnets that do not exist.
        missing_groups: security groups that do not exist.
        vpcs: the VPCs of the subnets and groups that do.
        open_ports: those of the ports the function needs that some group lets out to.
        ports: the ports the function needs.
        unreachable: services with neither an endpoint nor a way out, per subnet.
    """

    missing_subnets: tuple[str, ...] = ()
    missing_groups: tuple[str, ...] = ()
    vpcs: frozenset[str] = frozenset()
    open_ports: frozenset[int] = frozenset()
    ports: frozenset[int] = frozenset()
    unreachable: tuple[tuple[str, str], ...] = ()


def port_of(host: str) -> int:
    """Return the port of `name` or `name:port`."""
    return int(host.partition(":")[2] or _LDAPS_PORT)


def check_authority(authority: Authority) -> Iterator[Finding]:
    """Find what keeps the function from verifying a domain controller."""
    if authority.until is None:
        yield DIRECTORY_CA_BROKEN.found("DirectoryCaCertificate holds no certificate of an authority.")
    elif authority.until < authority.now:
        yield DIRECTORY_CA_EXPIRES.found(f"DirectoryCaCertificate expired on {authority.until:%Y-%m-%d}.")
    elif authority.until < authority.now + _SOON:
        left = (authority.until - authority.now).days
        yield DIRECTORY_CA_EXPIRES.found(
            f"DirectoryCaCertificate expires in {left} days, on {authority.until:%Y-%m-%d}."
        )
    addresses = [host for host in authority.hosts if _is_address(host.partition(":")[0])]
    if addresses:
        yield DIRECTORY_HOST_IS_AN_ADDRESS.found(
            f"DirectoryHosts has {', '.join(addresses)}: certificates name hosts, so no address verifies."
        )


def check_secret(secret: DirectorySecret) -> Iterator[Finding]:
    """Find whether the function can read its service account."""
    if not secret.exists:
        yield DIRECTORY_SECRET_MISSING.found(f"{secret.parameter} names {secret.name}, which does not exist.")
    if secret.key:
        yield DIRECTORY_SECRET_HAS_A_KEY.found(
            f"The secret {secret.name} is encrypted with {secret.key}, which the function may not use."
        )


def check_network(network: Network) -> Iterator[Finding]:
    """Find what keeps the function from the directory and from AWS."""
    if network.missing_subnets:
        yield DIRECTORY_SUBNET_MISSING.found(
            f"There is no {', '.join(network.missing_subnets)} in this region."
        )
    if network.missing_groups:
        yield DIRECTORY_GROUP_MISSING.found(
            f"There is no {', '.join(network.missing_groups)} in this region."
        )
    if len(network.vpcs) > 1:
        yield DIRECTORY_SUBNETS_APART.found(
            f"The directory's subnets and groups are in {', '.join(sorted(network.vpcs))}."
        )
    closed = sorted(network.ports - network.open_ports)
    if closed:
        yield DIRECTORY_PORT_CLOSED.found(
            f"No security group lets the function out to port {', '.join(map(str, closed))}."
        )
    for subnet, service in network.unreachable:
        yield DIRECTORY_ENDPOINT_MISSING.found(
            f"From {subnet} there is no way to {service}: neither a VPC endpoint nor a NAT gateway."
        )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
