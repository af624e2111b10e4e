"""The directory as the reminders read it: who has a password there, and when it expires."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from uuid import UUID

from ldap3.utils.conv import escape_filter_chars

from latchkey.adapters.ldap import Controllers, Login, Settings
from latchkey.adapters.ldap_session import Entry, LostConnectionError, Session, first, number, text
from latchkey.domain.accounts import Account, Expiry, read_ticks
from latchkey.domain.directory_users import AccountControl, read_time
from latchkey.domain.users import is_mail_address
from latchkey.observability import logger

#: 1.2.840.113556.1.4.803 is a bitwise and: 2 is ACCOUNTDISABLE. Constructed attributes cannot be filtered on.
_ENABLED_PEOPLE = (
    "(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)){})"
)
#: 1.2.840.113556.1.4.1941 follows the chain of groups within groups.
_MEMBER_OF = "(memberOf:1.2.840.113556.1.4.1941:={})"
_ONE_USER = "(|(sAMAccountName={0})(userPrincipalName={0})(mail={0}))"

_ID = "objectGUID"
_EXPIRY = "msDS-UserPasswordExpiryTimeComputed"
_POLICY = "msDS-ResultantPSO"
#: AdminSDHolder sets it to 1 for members of the domain's own groups of administrators.
_ADMIN_COUNT = "adminCount"
_ATTRIBUTES = (
    _ID,
    "sAMAccountName",
    "displayName",
    "mail",
    "preferredLanguage",
    "manager",
    "distinguishedName",
    "accountExpires",
    "userAccountControl",
    _ADMIN_COUNT,
    _EXPIRY,
)


class DirectoryAccounts:
    """The accounts of a directory.

    `exclusion_group` is a distinguished name, or empty for none. `protected_groups` are names of groups whose
    members are never reset; None where no user of the directory is.
    """

    def __init__(
        self,
        settings: Settings,
        login: Login,
        exclusion_group: str = "",
        protected_groups: Collection[str] | None = None,
    ) -> None:
        """Describe the directory.

        Raises:
            DirectoryCertificateError: when an authority is no certificate.
        """
        self._bases = settings.bases
        self._exclusion_group = exclusion_group
        self._protected_groups = protected_groups
        self._controllers = Controllers(settings, login)

    def all(self) -> Iterator[Account]:
        """Yield all users below the search bases who may sign in, each once.

        A lost connection, between pages too, costs a try: the next server lists from the beginning, and users
        who were already yielded are skipped.

        Raises:
            DirectoryCertificateError: when a server's certificate does not verify.
            DirectoryLoginError: when the service account is refused.
            DirectorySearchError: when a base or the group does not exist, or may not be read.
            DirectoryUnreachableError: when the tries are used up.
        """
        seen: set[bytes] = set()
        while True:
            try:
                with self._controllers.connected() as session:
                    excluded, protected = self._excluded(session), self._protected(session)
                    for entry in self._search_bases(session, _ENABLED_PEOPLE.format(""), _ATTRIBUTES):
                        identity = first(entry, _ID)
                        if identity not in seen:
                            # Entries without one are not duplicates of each other.
                            seen.update({identity} - {b""})
                            yield _account(entry, identity in excluded, self._resets(entry, protected))
            except LostConnectionError:
                continue
            return

    def find(self, user: str) -> Iterator[Account]:
        """Yield the users with that name, principal name or mail address, with the policy that decides.

        Raises:
            LatchkeyError: as `all` does.
        """
        one = _ENABLED_PEOPLE.format(_ONE_USER.format(escape_filter_chars(user)))
        while True:
            try:
                with self._controllers.connected() as session:
                    excluded, protected = self._excluded(session), self._protected(session)
                    entries = list(self._search_bases(session, one, (*_ATTRIBUTES, _POLICY)))
            except LostConnectionError:
                continue
            for each, entry in {first(entry, _ID): entry for entry in entries}.items():
                account = _account(entry, each in excluded, self._resets(entry, protected))
                yield replace(account, policy=account.policy or "the domain's password policy")
            return

    def _search_bases(self, session: Session, what: str, attributes: tuple[str, ...]) -> Iterator[Entry]:
        for base in self._bases:
            yield from session.search(base, what, attributes)

    def _resets(self, entry: Entry, protected: frozenset[bytes]) -> bool:
        """Tell whether a reset would let the user of an entry pass, as far as protection goes."""
        if self._protected_groups is None or number(entry, _ADMIN_COUNT) == 1:
            return False
        return first(entry, _ID) not in protected

    def _excluded(self, session: Session) -> frozenset[bytes]:
        group = self._exclusion_group
        if not group:
            return frozenset()
        # Active Directory finds no members of a group that does not exist; a typo must not mail everyone.
        session.read(group, "(objectClass=group)", ("1.1",))
        return self._members(session, group)

    def _protected(self, session: Session) -> frozenset[bytes]:
        if not self._protected_groups:
            return frozenset()
        root = text(session.read("", "(objectClass=*)", ("defaultNamingContext",)), "defaultNamingContext")
        wanted = "".join(f"(sAMAccountName={escape_filter_chars(each)})" for each in self._protected_groups)
        groups = session.search(root, f"(&(objectClass=group)(|{wanted}))", ("distinguishedName",))
        return frozenset().union(
            *(self._members(session, text(group, "distinguishedName")) for group in list(groups))
        )

    def _members(self, session: Session, group: str) -> frozenset[bytes]:
        """Return the members of a group, nested groups included."""
        members = _ENABLED_PEOPLE.format(_MEMBER_OF.format(escape_filter_chars(group)))
        return frozenset(first(entry, _ID) for entry in self._search_bases(session, members, (_ID,)))


def _account(entry: Entry, excluded: bool, resettable: bool) -> Account:  # noqa: FBT001
    try:
        return replace(_read(entry), excluded=excluded, resettable=resettable)
    except Exception as error:  # what stands in one entry fails that one alone
        user = text(entry, "sAMAccountName")
        logger.exception("Could not read the entry of %s.", user)
        return Account.unreadable("directory", user, error)


def _read(entry: Entry) -> Account:
    ticks, mail = first(entry, _EXPIRY), text(entry, "mail")
    control = AccountControl(int(first(entry, "userAccountControl") or 0))
    return Account(
        source="directory",
        id=str(UUID(bytes_le=first(entry, _ID))),
        user=text(entry, "sAMAccountName"),
        # Without the right to read it the expiry is unknown; the report says so.
        expires_at=read_ticks(int(ticks)) if ticks else Expiry.UNKNOWN,
        mail=mail if is_mail_address(mail) else "",
        name=text(entry, "displayName"),
        language=text(entry, "preferredLanguage"),
        manager=text(entry, "manager"),
        dn=text(entry, "distinguishedName"),
        account_expires_at=read_time(int(first(entry, "accountExpires") or 0)),
        smart_card=AccountControl.SMARTCARD_REQUIRED in control,
        policy=text(entry, _POLICY),
    )
