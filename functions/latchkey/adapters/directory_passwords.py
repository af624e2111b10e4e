"""The directory as resets change it: a password in one modification, and its undoing."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from latchkey.adapters.directory_groups import by_guid
from latchkey.adapters.directory_users import DirectoryUsers, find_anywhere
from latchkey.adapters.ldap import Controllers
from latchkey.adapters.ldap_session import Session
from latchkey.domain.directory_users import (
    DirectoryUser,
    ensure_eligible,
    policy_for,
    was_taken_over,
)
from latchkey.domain.passwords import MAXIMUM_LENGTH, PasswordPolicy, generate_password
from latchkey.domain.users import PasswordReset
from latchkey.errors import DirectoryUnreachableError

#: https://learn.microsoft.com/windows/win32/adschema/a-lockouttime
_UNLOCKED = {"lockoutTime": "0"}


class DirectoryPasswords:
    """The passwords of a directory's users.

    Besides what each method names, each raises:
        DirectoryCertificateError: when a controller's certificate does not verify.
        DirectoryLoginError: when the service account is refused.
        DirectorySearchError: when a base does not exist, or may not be read.
        DirectoryUnreachableError: when no controller answers.
    """

    def __init__(self, users: DirectoryUsers) -> None:
        """Describe the directory."""
        self._users = users
        self._settings = users.settings
        self._login = users.login

    def set(self, identity: UUID, password: str, now: datetime) -> DirectoryUser:
        """Give a user who may be reset a password to be changed at the next sign-in, and unlock the account.

        Where the connection is lost, the same controller is asked first whether the change was made.

        Raises:
            UserNotFoundError: when there is no such user below the search bases.
            UserNotEligibleError: when the user may not be reset.
            DirectoryChangeError: when the service account lacks a right.
            PasswordPolicyViolationError: when a policy refuses the password.
        """

        def change(session: Session) -> DirectoryUser:
            user = self._users.look_up(session, str(identity))
            ensure_eligible(user, now)
            # An earlier try may have made the change: all of it, as there is one.
            if user.password_set_at or not session.takes(user.distinguished_name, password):
                session.replace(by_guid(identity), _temporary(password) | _UNLOCKED)
            return user

        twice = tuple(host for host in self._settings.hosts for _ in range(2))
        settings = replace(self._settings, hosts=twice)
        return Controllers(settings, self._login, read_only=False, tries=len(twice)).run(change)

    def unlock(self, identity: UUID, now: datetime) -> DirectoryUser:
        """Unlock the account of a user who may be reset, locked or not, and change nothing else.

        Raises:
            UserNotFoundError: when there is no such user below the search bases.
            UserNotEligibleError: when the user may not be reset.
            DirectoryChangeError: when the service account lacks a right.
        """

        def change(session: Session) -> DirectoryUser:
            user = self._users.look_up(session, str(identity))
            ensure_eligible(user, now)
            session.replace(by_guid(identity), _UNLOCKED)
            return user

        return Controllers(self._settings, self._login, read_only=False).run(change)

    def revoke(self, identity: UUID, reset: PasswordReset | None) -> bool:
        """Give a user an unknown password, unless it is no longer the one that a reset set.

        Every controller is asked: any may know of a change that the others do not. The account stays locked,
        disabled and where it is, as it is found.

        Args:
            identity: the user.
            reset: when the reset was; None revokes whatever the password is.

        Returns:
            Whether a password was revoked; not where the user is gone.

        Raises:
            DirectoryChangeError: when the service account lacks a right.
        """
        seen, unreachable = [], []
        for host in self._settings.hosts:
            one = replace(self._settings, hosts=(host,))
            try:
                found = Controllers(one, self._login, tries=1).run(
                    lambda session: find_anywhere(session, identity)
                )
            except DirectoryUnreachableError as error:
                unreachable.append(error)
            else:
                seen += [(host, user) for user in found]
        if not seen and unreachable:
            raise unreachable[0]
        if not seen or (reset and was_taken_over([user for _, user in seen], reset)):
            return False
        password = generate_password(
            PasswordPolicy(forbidden=policy_for(seen[0][1], 0).forbidden), MAXIMUM_LENGTH
        )
        answering = replace(self._settings, hosts=tuple(host for host, _ in seen))
        Controllers(answering, self._login, read_only=False).run(
            lambda session: session.replace(by_guid(identity), _temporary(password))
        )
        return True


def _temporary(password: str) -> dict[str, str | bytes]:
    """Return what makes a password one that has to be changed at the next sign-in.

    https://learn.microsoft.com/openspecs/windows_protocols/ms-adts, sections 3.1.1.3.1.5 and 3.1.1.3.4
    """
    return {"unicodePwd": f'"{password}"'.encode("utf-16-le"), "pwdLastSet": "0"}
