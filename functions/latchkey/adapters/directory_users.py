"""The directory as resets look at it: who a user is, what protects it, what its password has to meet."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self
from uuid import UUID

from ldap3.utils.conv import escape_bytes, escape_filter_chars

from latchkey.adapters.directory_groups import domain_root, named_groups, token_groups
from latchkey.adapters.ldap import Controllers, Login, Settings
from latchkey.adapters.ldap_session import Entry, Session, first, number, text
from latchkey.domain.directory_groups import protecting_group
from latchkey.domain.directory_users import AccountControl, DirectoryUser, policy_for, read_time
from latchkey.domain.passwords import PasswordPolicy
from latchkey.errors import DirectorySearchError, UserNotEligibleError, UserNotFoundError
from latchkey.observability import count

_PERSON = "(&(objectCategory=person)(objectClass=user){})"
_NAMED = "(|(sAMAccountName={0})(userPrincipalName={0})(mail={0}))"
_IDENTIFIED = "(objectGUID={})"
_ANYTHING = "(objectClass=*)"

_ATTRIBUTES = (
    "accountExpires",
    "adminCount",
    "displayName",
    "distinguishedName",
    "lastLogon",
    "lastLogonTimestamp",
    "mail",
    "msDS-ResultantPSO",
    "objectGUID",
    "preferredLanguage",
    "pwdLastSet",
    "sAMAccountName",
    "userAccountControl",
    "userPrincipalName",
)

#: A function inside the network has 20 seconds, and two controllers have to fit in.
_ANSWER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class DirectoryUsers:
    """The users below a directory's search bases."""

    settings: Settings
    login: Login

    @classmethod
    def of(cls, environment: Mapping[str, str], login: Login) -> Self:
        """Read the variables the template gives."""
        return cls(Settings.of(environment, _ANSWER_SECONDS), login)

    def find(self, name: str) -> tuple[DirectoryUser, PasswordPolicy]:
        """Return the user of a name, as `look_up` does, and what the user's password has to meet.

        Raises:
            UserNotFoundError: when there is none below the search bases.
            UserNotEligibleError: when the name leads to several users.
            LatchkeyError: as `Controllers.run` does.
        """

        def read(session: Session) -> tuple[DirectoryUser, PasswordPolicy]:
            user = self.look_up(session, name)
            return user, policy_for(user, _minimum_length(session, user))

        return Controllers(self.settings, self.login).run(read)

    def look_up(self, session: Session, name: str) -> DirectoryUser:
        """Return the one user with that `objectGUID`, account name, principal name or mail address.

        Raises:
            UserNotFoundError: when there is none below the search bases.
            UserNotEligibleError: when the name leads to several users.
            DirectorySearchError: when a base or a protected group does not exist, or may not be read.
            LostConnectionError: when the connection is lost.
        """
        entry = self._entry(session, name)
        return replace(_read(entry), protected_by=self._protecting_group(session, entry))

    def _entry(self, session: Session, name: str) -> Entry:
        """Return the one entry of that name below the search bases."""
        found = {
            first(entry, "objectGUID"): entry
            for base in self.settings.bases
            for entry in session.search(base, _PERSON.format(_named(name)), _ATTRIBUTES)
        }
        if len(found) > 1:
            count("NameAmbiguous")
            names = ", ".join(sorted(text(entry, "sAMAccountName") for entry in found.values()))
            raise UserNotEligibleError(f"One name leads to several users of the directory: {names}.")
        if not found:
            # What was typed may be a password.
            raise UserNotFoundError("The directory has no user of that name below the search bases.")
        return next(iter(found.values()))

    def _protecting_group(self, session: Session, entry: Entry) -> str | None:
        named = named_groups(session, self.settings.protected_groups)
        return protecting_group(
            token_groups(session, UUID(bytes_le=first(entry, "objectGUID"))),
            {first(group, "objectSid"): name for name, group in named.items()},
        )


def find_anywhere(session: Session, identity: UUID) -> list[DirectoryUser]:
    """Return the user of that `objectGUID`, wherever in the domain; none where it is gone.

    Raises:
        DirectorySearchError: when the domain may not be read.
        LostConnectionError: when the connection is lost.
    """
    found = session.search(domain_root(session), _PERSON.format(_named(str(identity))), _ATTRIBUTES)
    return [_read(entry) for entry in found]


def _named(name: str) -> str:
    try:
        return _IDENTIFIED.format(escape_bytes(UUID(name).bytes_le))
    except ValueError:
        return _NAMED.format(escape_filter_chars(name))


def _minimum_length(session: Session, user: DirectoryUser) -> int:
    """Return how long a password has to be: by the user's fine-grained policy, else the domain's.

    A fine-grained policy that the service account may not read counts as none; a password that it then
    refuses fails the reset with the reason.
    """
    if user.policy:
        with suppress(DirectorySearchError):
            if length := _number_of(session, user.policy, "msDS-MinimumPasswordLength"):
                return length
    return _number_of(session, domain_root(session), "minPwdLength")


def _number_of(session: Session, name: str, attribute: str) -> int:
    return number(session.read(name, _ANYTHING, (attribute,)), attribute)


def _read(entry: Entry) -> DirectoryUser:
    signed_in_at = [read_time(number(entry, each)) for each in ("lastLogon", "lastLogonTimestamp")]
    return DirectoryUser(
        identity=UUID(bytes_le=first(entry, "objectGUID")),
        name=text(entry, "sAMAccountName"),
        distinguished_name=text(entry, "distinguishedName"),
        control=AccountControl(number(entry, "userAccountControl")),
        mail=text(entry, "mail"),
        principal_name=text(entry, "userPrincipalName"),
        display_name=text(entry, "displayName"),
        language=text(entry, "preferredLanguage"),
        account_expires_at=read_time(number(entry, "accountExpires")),
        has_admin_count=number(entry, "adminCount") == 1,
        policy=text(entry, "msDS-ResultantPSO"),
        password_set_at=read_time(number(entry, "pwdLastSet")),
        signed_in_at=max((each for each in signed_in_at if each), default=None),
    )
