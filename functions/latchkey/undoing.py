"""How a reset takes an account, and how it ends if it is not claimed: its password no longer works."""

import os
from datetime import datetime

from latchkey.adapters import directory, iam, registry, ssm, stepfunctions
from latchkey.domain.claims import user_key
from latchkey.domain.directory_users import is_in_directory
from latchkey.domain.passwords import MAXIMUM_LENGTH, PasswordPolicy, generate_password
from latchkey.domain.resets import Attempt, Phase, Reset
from latchkey.domain.users import PasswordReset, was_taken_over
from latchkey.errors import UserNotEligibleError, UserNotFoundError


def undo(execution: str, user: str, actor: str, now: datetime) -> bool:
    """Undo a reset: revoke the password it set, if that still stands, and delete what its link shows.

    Every part can run again. The account is given back only after its password was replaced, so that no newer
    reset comes in between.

    Args:
        execution: the reset's name.
        user: the user's name, as IAM spells it, or the name of an account of the directory.
        actor: who undoes it: the execution itself, a cleanup's, or a request.
        now: the present time.

    Returns:
        Whether a password was revoked by this call.

    Raises:
        ResetInProgressError: when another undoes it, or it is not due for a cleanup.
        SupersededError: when the reset has lost the account, or never had it.
    """
    key = user_key(user)
    attempt = Attempt(execution=execution, actor=actor, now=int(now.timestamp()))
    reset, older = registry.revoke(key, attempt)
    revoked = False
    if reset.phase != Phase.OVER:
        if older:
            _end_replaced(older)
        revoked = _revoke(user, reset)
        registry.finish(key, attempt)
    ssm.delete_password(execution)
    return revoked


def take_account(reset: Reset) -> None:
    """Take the account for a reset that begins, and end the one that it replaces.

    Raises:
        ResetInProgressError: when another is changing the account.
        SupersededError: when this reset was undone meanwhile.
    """
    older = registry.begin(user_key(reset.user), reset)
    if older:
        _end_replaced(older)


def _end_replaced(older: Reset) -> None:
    """Tell a reset that another replaced it, if it waits, and delete the password its link would show."""
    if older.phase != Phase.OVER:
        if older.task_token:
            stepfunctions.supersede(older.task_token)
        ssm.delete_password(older.execution)


def _revoke(name: str, reset: Reset) -> bool:
    """Give the user an unknown password, unless the password is no longer the one this reset set.

    Left alone are users who are gone or lost console access, and those whose password was changed or used
    meanwhile; but not where its owner says that someone else saw it, who may have done just that.
    """
    try:
        if is_in_directory(name):
            return directory.revoke_password(os.environ["REVOKE_DIRECTORY_PASSWORD"], reset)
        taken_over = not reset.revokes_claim and was_taken_over(
            iam.find_user(name),
            iam.login_profile(name),
            PasswordReset.of(reset.begun_at, reset.stored_at),
        )
        if not taken_over:
            iam.set_password(name, generate_password(PasswordPolicy(), MAXIMUM_LENGTH))
    except (UserNotFoundError, UserNotEligibleError):
        return False
    return not taken_over
