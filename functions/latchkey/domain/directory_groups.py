"""Which groups of a directory keep their members from being reset, by security identifiers (SID) alone.

An identifier says the same in every language, whatever its group is renamed to.
"""

from collections.abc import Collection, Mapping

#: The groups that AdminSDHolder protects, by the number that ends their identifiers (RID) in every domain.
#: https://learn.microsoft.com/windows-server/identity/ad-ds/plan/security-best-practices/appendix-c--protected-accounts-and-groups-in-active-directory
ADMINISTRATIVE_GROUPS = {
    512: "Domain Admins",
    518: "Schema Admins",
    519: "Enterprise Admins",
    526: "Key Admins",
    527: "Enterprise Key Admins",
    544: "Administrators",
    548: "Account Operators",
    549: "Server Operators",
    550: "Print Operators",
    551: "Backup Operators",
    552: "Replicator",
}

#: Bytes of that number; those of groups that people make begin at 1000.
#: https://learn.microsoft.com/openspecs/windows_protocols/ms-dtyp, section 2.4.2.2
_RELATIVE_IDENTIFIER = 4


def relative_identifier(identifier: bytes) -> int:
    """Return the number that ends an identifier, by which `primaryGroupID` names a group."""
    return int.from_bytes(identifier[-_RELATIVE_IDENTIFIER:], "little")


def protecting_group(groups: Collection[bytes], named: Mapping[bytes, str]) -> str | None:
    """Return the group that keeps its member from being reset; empty for none.

    Args:
        groups: the identifiers of all groups that a user is in (`tokenGroups`). There is one at least, the
            primary group: none means that they may not be read, and then it is not known.
        named: the names of the groups that `DirectoryProtectedGroups` adds, by their identifiers.
    """
    if not groups:
        return None
    protecting = (named.get(each) or ADMINISTRATIVE_GROUPS.get(relative_identifier(each)) for each in groups)
    return next(filter(None, protecting), "")
