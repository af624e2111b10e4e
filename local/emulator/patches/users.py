"""IAM: the passwords of users, which MiniStack takes but does not keep.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/iam.py
    `_create_login_profile`, `_update_login_profile`, `_user_xml`, `_build_credential_report`
https://github.com/ministackorg/ministack/pull/844
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import csv
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from io import StringIO
from typing import TYPE_CHECKING

from local.emulator.patches.base import Untyped, module, replace

if TYPE_CHECKING:
    from collections.abc import Mapping

_AGE_TAG = "local:password-age-days"

type Params = Mapping[str, list[str]]


def apply(sign_ins: SignIns) -> None:
    """Apply the patches of this module. Raises PatchError."""
    iam = module("services.iam", "_IAM_HANDLERS", "_login_profiles", "_users")
    for action, name in (
        ("CreateLoginProfile", "_create_login_profile"),
        ("UpdateLoginProfile", "_update_login_profile"),
    ):
        replace(iam, name, sign_ins.keep_passwords)
        iam._IAM_HANDLERS[action] = getattr(iam, name)
    replace(iam, "_user_xml", sign_ins.show_last_use)
    replace(iam, "_build_credential_report", sign_ins.tell_last_change)


def _digest(salt: bytes, password: str) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**10, r=8, p=1)


class SignIns:
    """AWS: a login profile has a password, and signing in with it sets the user's `PasswordLastUsed`.

    A user who must choose a new password does so on the sign-in page, for which `sign_in` stands.
    """

    def __init__(self) -> None:
        """Keep digests of the passwords that pass through MiniStack's IAM from now on."""
        self._iam = module("services.iam", "_login_profiles")

    def keep_passwords(self, original: Untyped) -> Untyped:
        """Wrap `CreateLoginProfile` or `UpdateLoginProfile`."""

        def handle(params: Params) -> Untyped:
            response = original(params)
            password = params.get("Password", [""])[0]
            if response[0] == HTTPStatus.OK and password:
                self._keep(params["UserName"][0], password)
            return response

        return handle

    def show_last_use(self, original: Untyped) -> Untyped:
        """Wrap the rendering of a user."""

        def render(name: str, *arguments: Untyped, **options: Untyped) -> str:
            used = (self._iam._login_profiles.get(name) or {}).get("PasswordLastUsed")
            xml = str(original(name, *arguments, **options))
            return f"{xml}<PasswordLastUsed>{used}</PasswordLastUsed>" if used else xml

        return render

    def tell_last_change(self, original: Untyped) -> Untyped:
        """Wrap the making of the credential report, which says N/A of every password's last change.

        A user's tag `local:password-age-days` makes a password older than it is, for tests to meet its end.
        """

        def build() -> str:
            rows = csv.DictReader(original().splitlines())
            text = StringIO()
            writer = csv.DictWriter(text, rows.fieldnames or (), lineterminator="\n")
            writer.writeheader()
            for row in rows:
                changed = (self._iam._login_profiles.get(row["user"]) or {}).get("Changed")
                if changed:
                    tags = {tag["Key"]: tag["Value"] for tag in self._iam._users[row["user"]]["Tags"]}
                    changed -= timedelta(days=float(tags.get(_AGE_TAG, 0)))
                    row["password_last_changed"] = changed.isoformat(timespec="seconds")
                writer.writerow(row)
            return text.getvalue()

        return build

    def _keep(self, user: str, password: str) -> None:
        salt = secrets.token_bytes(16)
        kept = {"Salt": salt, "Digest": _digest(salt, password), "Changed": datetime.now(UTC)}
        self._iam._login_profiles[user] |= kept

    def sign_in(self, user: str, password: str, new_password: str = "") -> dict[str, bool]:
        """Sign in to the console, and change the password where a new one is given.

        Says whether it worked, and whether the user still has to choose a new password.
        """
        profile = self._iam._login_profiles.get(user) or {}
        known = profile.get("Digest")
        if not known or not hmac.compare_digest(known, _digest(profile["Salt"], password)):
            return {"signed_in": False, "password_reset_required": False}
        profile["PasswordLastUsed"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if new_password:
            self._keep(user, new_password)
            profile["PasswordResetRequired"] = False
        return {"signed_in": True, "password_reset_required": profile["PasswordResetRequired"]}
