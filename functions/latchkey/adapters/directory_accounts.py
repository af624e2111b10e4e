"""The directory as the reminders read it: who has a password there, and when it expires."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from ldap3.utils.conv import escape_filter_chars

from latchkey.adapters.directory_groups import ensure_token_groups, members_of, named_groups
from latchkey.adapters.ldap import Controllers, Login, Settings
from latchkey.adapters.ldap_session import Entry, LostConnectionError, Session, first, number, text
from latchkey.domain.accounts import Account, Expiry, read_ticks
from latchkey.domain.directory_groups import ADMINISTRATIVE_GROUPS
from latchkey.domain.directory_users import AccountControl, read_time
from latchkey.domain.users import is_mail_address
from latchkey.errors import DirectorySearchError
from latchkey.observability import logger

#: 1.2.840.113556.1.4.803 is a bitwise and: 2 is ACCOUNTDISABLE. Constructed attributes cannot be filtered on.
_ENABLED_PEOPLE = (
    "(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)){})"
)
_ONE_USER = "(|(sAMAccountName={0})(userPrincipalName={0})(mail={0}))"

_ID = "objectGUID"
_EXPIRY = "msDS-UserPasswordExpiryTimeComputed"
_POLICY = "msDS-ResultantPSO"
#: AdminSDHolder sets it to 1 for members of the domain's own groups of administrators.
_ADMIN_COUNT = "adminCount"
_PRIMARY_GROUP = "primaryGroupID"
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
    _PRIMARY_GROUP,
    _EXPIRY,
)


class DirectoryAccounts:
    """The accounts of a directory.

    `exclusion_group` is a distinguished name, or empty for none; `resets` is whether its users are reset.

    Attributes:
        refusal: why resets could not tell who is protected, once users were listed; empty where they can.
    """

    def __init__(
        self,
        settings: Settings,
        login: Login,
        exclusion_group: str = "",
        *,
        resets: bool = False,
    ) -> None:
        """Describe the directory.

        Raises:
            DirectoryCertificateError: when an authority is no certificate.
        """
        self._bases = settings.bases
        self._exclusion_group = exclusion_group
        self._resets = resets
        self._protected_groups = settings.protected_groups
        self.refusal = ""
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
                            yield _account(entry, identity in excluded, self._is_resettable(entry, protected))
            except LostConnectionError:
                # The next server may tell who is protected; users who were listed without a reset stay so.
                self.refusal = self.refusal if seen else ""
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
                account = _account(entry, each in excluded, self._is_resettable(entry, protected))
                yield replace(account, policy=account.policy or "the domain's password policy")
            return

    def _search_bases(self, session: Session, what: str, attributes: tuple[str, ...]) -> Iterator[Entry]:
        for base in self._bases:
            yield from session.search(base, what, attributes)

    def _is_resettable(self, entry: Entry, protected: frozenset[bytes] | None) -> bool:
        """Tell whether a reset would let the user of an entry pass, as far as protection goes.

        A reset asks for the groups of its one user; for many AdminSDHolder's mark has to do, an hour late.
        """
        return (
            protected is not None
            and number(entry, _ADMIN_COUNT) != 1
            and number(entry, _PRIMARY_GROUP) not in ADMINISTRATIVE_GROUPS
            and first(entry, _ID) not in protected
        )

    def _excluded(self, session: Session) -> frozenset[bytes]:
        group = self._exclusion_group
        if not group:
            return frozenset()
        # Active Directory finds no members of a group that does not exist; a typo must not mail everyone.
        found = session.read(group, "(objectClass=group)", ("distinguishedName", "objectSid"))
        if not found:
            raise DirectorySearchError(f"DirectoryExclusionGroup is {group}, which is no group.")
        return self._ids(session, members_of(session, [found]))

    def _protected(self, session: Session) -> frozenset[bytes] | None:
        """Return the members of protected groups; None where no one is reset, or resets could not tell them.

        People are reminded all the same; only no mail leads to a reset.
        """
        if not self._resets:
            return None
        try:
            groups = named_groups(session, self._protected_groups)
            ensure_token_groups(session, self._bases)
        except DirectorySearchError as error:
            self.refusal = str(error)
            return None
        return self._ids(session, members_of(session, groups.values())) if groups else frozenset()

    def _ids(self, session: Session, what: str) -> frozenset[bytes]:
        people = self._search_bases(session, _ENABLED_PEOPLE.format(what), (_ID,))
        return frozenset(first(entry, _ID) for entry in people)


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
