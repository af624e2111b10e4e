"""The directory's groups: which ones a parameter names, and which ones a user is in."""

from collections.abc import Collection, Iterable
from uuid import UUID

from ldap3.utils.conv import escape_filter_chars

from latchkey.adapters.ldap_session import Entry, Session, first, text
from latchkey.domain.directory_groups import relative_identifier
from latchkey.errors import DirectorySearchError

_ANYTHING = "(objectClass=*)"
#: 1.2.840.113556.1.4.803 is a bitwise and: 2147483648 is GROUP_TYPE_SECURITY_ENABLED. A distribution group is
#: in no `tokenGroups`, so it would protect no one; nor would a group whose identifier may not be read.
#: https://learn.microsoft.com/windows/win32/adschema/a-grouptype
_SECURITY_GROUP = (
    "(&(objectClass=group)(objectSid=*)(groupType:1.2.840.113556.1.4.803:=2147483648)"
    "(|(sAMAccountName={0})(distinguishedName={0})))"
)

#: 1.2.840.113556.1.4.1941 follows the chain of groups within groups.
_MEMBER_OF = "(memberOf:1.2.840.113556.1.4.1941:={})"
_PRIMARY_GROUP = "(primaryGroupID={})"
#: AdminSDHolder keeps what is delegated on search bases off administrators.
_ORDINARY_PERSON = "(&(objectCategory=person)(objectClass=user)(objectGUID=*)(!(adminCount=1)))"


def domain_root(session: Session) -> str:
    """Return the distinguished name of a controller's domain."""
    return text(session.read("", _ANYTHING, ("defaultNamingContext",)), "defaultNamingContext")


def named_groups(session: Session, names: Collection[str]) -> dict[str, Entry]:
    """Return the groups of `DirectoryProtectedGroups`, which are `sAMAccountName` or distinguished names.

    Raises:
        DirectorySearchError: when the domain has no such group of the security type, or it may not be read.
        LostConnectionError: when the connection is lost.
    """
    root, groups = domain_root(session) if names else "", {}
    for name in names:
        what = _SECURITY_GROUP.format(escape_filter_chars(name))
        found = next(session.search(root, what, ("distinguishedName", "objectSid")), None)
        if found is None:
            raise DirectorySearchError(
                f"DirectoryProtectedGroups names {name}: {root} has no such security group, or the service "
                "account may not read it."
            )
        groups[name] = found
    return groups


def members_of(session: Session, groups: Collection[Entry]) -> str:
    """Return a filter of the members of groups, through other groups too.

    No chain of groups begins with a user's primary group: that one is known by its number.
    """
    names = (escape_filter_chars(text(group, "distinguishedName")) for group in groups)
    within = "".join(map(_MEMBER_OF.format, names))
    inner = session.search(domain_root(session), f"(&(objectClass=group)(|{within}))", ("objectSid",))
    numbers = (relative_identifier(first(group, "objectSid")) for group in (*groups, *inner))
    return f"(|{within}{''.join(map(_PRIMARY_GROUP.format, numbers))})"


def token_groups(session: Session, identity: UUID) -> list[bytes]:
    """Return the identifiers of all security groups that a user is in: through others, the primary one too.

    Active Directory computes them for one entry at a time, and shows all of them or none.
    https://learn.microsoft.com/openspecs/windows_protocols/ms-adts, section 3.1.1.4.5.19

    Returns:
        None are there where the service account may not read them, or the controller has no global catalog.
    """
    found: list[bytes] = session.read(by_guid(identity), _ANYTHING, ("tokenGroups",)).get("tokenGroups", [])
    return found


def ensure_token_groups(session: Session, bases: Iterable[str]) -> None:
    """Pass a directory that shows the service account the groups of a user below each base.

    Raises:
        DirectorySearchError: when it does not.
    """
    for base in bases:
        someone = next(session.search(base, _ORDINARY_PERSON, ("objectGUID",)), None)
        if someone and not token_groups(session, UUID(bytes_le=first(someone, "objectGUID"))):
            raise DirectorySearchError(
                f"The service account may not read tokenGroups of users below {base}: their resets fail."
            )


def by_guid(identity: UUID) -> str:
    """Return the name of an entry that stays the same wherever it is moved.

    https://learn.microsoft.com/openspecs/windows_protocols/ms-adts, section 3.1.1.3.1.2.4
    """
    return f"<GUID={identity}>"
