"""Writes users into a Samba directory, as fast as its database takes them.

Run by the system's Python, which alone has Samba's modules; what to write comes as JSON on standard input.
"""

from __future__ import annotations

import json
import struct
import sys
import uuid
from pathlib import Path
from typing import Any

import ldb
import samba
from samba import dsdb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB
from samba.sd_utils import SDUtils

_TICKS_PER_SECOND = 10_000_000
_TICKS_PER_DAY = 24 * 3600 * _TICKS_PER_SECOND
_SECONDS_FROM_1601_TO_1970 = 11_644_473_600
# Flags of userAccountControl.
_NORMAL, _DISABLED, _NEVER_EXPIRES, _SMART_CARD = 0x200, 0x2, 0x10000, 0x40000
# DSDB_CONTROL_BYPASS_PASSWORD_HASH: the time of a password's last change is taken as it is given.
_AS_GIVEN = ["local_oid:1.3.6.1.4.1.7165.4.3.12:0"]
_USER_CLASS = "bf967aba-0de6-11d0-a285-00aa003049e2"
_POLICIES = "CN=Password Settings Container,CN=System"
_SHORT_POLICY = f"CN=Short,{_POLICIES}"

# Above so many, what Samba checks of each addition takes longer the more there are; by then it is left out.
_MANY = 500
# Security identifiers of users added so, above any that Samba gives out by itself.
_FIRST_IDENTIFIER = 1_000_000


def main() -> None:
    """Read what is wanted and write it."""
    wanted: dict[str, Any] = json.load(sys.stdin)
    settings = LoadParm()
    settings.load(wanted["conf"])
    sam = SamDB(url=wanted["sam"], lp=settings, session_info=system_session())
    users = wanted["users"]
    special = [each for each in users if each["excluded"] or each["short_policy"]]
    plain = [each for each in users if each not in special] if len(users) > _MANY else []
    sam.transaction_start()
    if not sam.search(wanted["base"], expression="(ou=People)", attrs=["1.1"]):
        _prepare(sam, wanted)
        _delegate(sam, wanted)
    for user in [*special, plain[0]] if plain else users:
        _add(sam, wanted, user)
    sam.transaction_commit()
    if plain:
        _add_many(sam, settings, wanted, plain)


def _add_many(sam: Any, settings: Any, wanted: dict[str, Any], users: list[dict[str, Any]]) -> None:  # noqa: ANN401  # Samba's modules carry no types
    """Write users as copies of the first of them, without indexes; then let Samba make those, once."""
    file = f"tdb://{next(Path(wanted['sam'] + '.d').glob('DC=CORP,*'))}"
    raw = ldb.Ldb(file)
    pattern = _values(raw.search(_dn(wanted, users[0]), ldb.SCOPE_BASE)[0])
    indexes = _values(raw.search("@INDEXLIST", ldb.SCOPE_BASE)[0])
    domain = pattern["objectSid"][0][:-4]
    kept = {key: value for key, value in pattern.items() if key not in _ENTRY_ATTRIBUTES}
    raw.transaction_start()
    raw.delete("@INDEXLIST")
    for number, user in enumerate(users[1:]):
        own = {attribute: [value.encode()] for attribute, value in _entry(wanted, user).items()}
        own |= {
            "cn": [user["name"].encode()],
            "name": [user["name"].encode()],
            "objectGUID": [uuid.uuid4().bytes_le],
            "objectSid": [domain + struct.pack("<I", _FIRST_IDENTIFIER + number)],
        }
        del own["dn"], own["objectClass"]
        raw.add(_message(raw, _dn(wanted, user), {**kept, **own}))
    raw.transaction_commit()
    del raw
    # A second handle knows the schema, by which values are indexed.
    indexed = samba.Ldb(url=file, lp=settings)
    dsdb._dsdb_set_schema_from_ldb(indexed, sam, False)  # noqa: FBT003, SLF001  # as Samba's own scripts do
    indexed.transaction_start()
    indexed.add(_message(indexed, "@INDEXLIST", indexes))
    indexed.transaction_commit()


def _values(message: Any) -> dict[str, list[bytes]]:  # noqa: ANN401  # as above
    return {
        key: [bytes(value) for value in message[key]]
        for key in message.keys()  # noqa: SIM118  # no dict
        if key not in {"dn", "distinguishedName"}
    }


def _message(database: Any, dn: str, values: dict[str, list[bytes]]) -> Any:  # noqa: ANN401  # as above
    message = ldb.Message(ldb.Dn(database, dn))
    for key, value in values.items():
        message[key] = ldb.MessageElement(value, ldb.FLAG_MOD_ADD, key)
    return message


def _prepare(sam: Any, wanted: dict[str, Any]) -> None:  # noqa: ANN401  # Samba's modules carry no types
    base = wanted["base"]
    sam.modify_ldif(
        f"dn: {base}\nchangetype: modify\nreplace: maxPwdAge\n"
        f"maxPwdAge: {-wanted['maximum_age_days'] * _TICKS_PER_DAY}\n"
    )
    # Clouds are given copies of one domain; each has a password of its own.
    sam.setpassword("(sAMAccountName=Administrator)", wanted["password"])
    for account in ("service_account", "reset_account"):
        sam.newuser(wanted[account].partition("@")[0], wanted["password"])
    sam.add({"dn": wanted["users_base"], "objectClass": "organizationalUnit"})
    sam.add({"dn": wanted["exclusion_group"], "objectClass": "group", "sAMAccountName": "No reminders"})
    # Each AWS Managed Microsoft AD has it.
    sam.add(
        {
            "dn": f"CN=AWS Delegated Administrators,{base}",
            "objectClass": "group",
            "sAMAccountName": "AWS Delegated Administrators",
        }
    )
    # A group within the group, so that membership has to be followed.
    inner = f"CN=Interns,{base}"
    sam.add({"dn": inner, "objectClass": "group", "sAMAccountName": "Interns"})
    _change(sam, wanted["exclusion_group"], "member", inner)
    policy = {
        "objectClass": "msDS-PasswordSettings",
        "msDS-PasswordSettingsPrecedence": "10",
        "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
        "msDS-PasswordHistoryLength": "0",
        "msDS-PasswordComplexityEnabled": "FALSE",
        "msDS-MinimumPasswordLength": "7",
        "msDS-MinimumPasswordAge": "0",
        "msDS-MaximumPasswordAge": str(-wanted["short_policy_days"] * _TICKS_PER_DAY),
        "msDS-LockoutThreshold": "0",
        "msDS-LockoutObservationWindow": "-18000000000",
        "msDS-LockoutDuration": "-18000000000",
    }
    sam.add({"dn": f"{_SHORT_POLICY},{base}", **policy})


def _delegate(sam: Any, wanted: dict[str, Any]) -> None:  # noqa: ANN401  # as above
    """Let the one account do what is wanted below the users' base, the other read policies, and no more."""
    base, descriptors = wanted["base"], SDUtils(sam)

    def identifier(account: str) -> str:
        name = wanted[account].partition("@")[0]
        (found,) = sam.search(base, expression=f"(sAMAccountName={name})", attrs=["objectSid"])
        return str(ndr_unpack(security.dom_sid, found["objectSid"][0]))

    resets, reads = identifier("reset_account"), identifier("service_account")
    for right in wanted["delegated"]:
        descriptors.dacl_add_ace(wanted["users_base"], f"(OA;CIIO;{right};{_USER_CLASS};{resets})")
    descriptors.dacl_add_ace(f"{_POLICIES},{base}", f"(A;CI;GR;;;{reads})")


def _dn(wanted: dict[str, Any], user: dict[str, Any]) -> str:
    return f"CN={user['name']},{wanted['users_base']}"


_TEXTS = {"mail": "mail", "displayName": "display_name", "preferredLanguage": "language"}
_ENTRY_ATTRIBUTES = {*_TEXTS, "sAMAccountName", "userPrincipalName", "userAccountControl", "pwdLastSet"}


def _entry(wanted: dict[str, Any], user: dict[str, Any]) -> dict[str, str]:
    name, changed_at = user["name"], user["changed_at"]
    flags = _NORMAL | _DISABLED * user["disabled"] | _NEVER_EXPIRES * user["never_expires"]
    flags |= _SMART_CARD * user["smart_card"]
    ends_at = user["account_expires_at"]
    ends = {} if ends_at is None else {"accountExpires": str(_ticks(ends_at))}
    return (
        {attribute: user[key] for attribute, key in _TEXTS.items() if user[key]}
        | ends
        | {
            "dn": _dn(wanted, user),
            "objectClass": "user",
            "sAMAccountName": name,
            "userPrincipalName": f"{name}@{wanted['service_account'].partition('@')[2]}",
            "userAccountControl": str(flags),
            "pwdLastSet": str(0 if changed_at is None else _ticks(changed_at)),
        }
    )


def _ticks(seconds: float) -> int:
    return int((seconds + _SECONDS_FROM_1601_TO_1970) * _TICKS_PER_SECOND)


def _add(sam: Any, wanted: dict[str, Any], user: dict[str, Any]) -> None:  # noqa: ANN401  # as above
    sam.add(_entry(wanted, user), controls=_AS_GIVEN)
    dn = _dn(wanted, user)
    if user["excluded"]:
        _change(sam, f"CN=Interns,{wanted['base']}", "member", dn)
    if user["short_policy"]:
        _change(sam, f"{_SHORT_POLICY},{wanted['base']}", "msDS-PSOAppliesTo", dn)


def _change(sam: Any, dn: str, attribute: str, value: str) -> None:  # noqa: ANN401  # as above
    sam.modify_ldif(f"dn: {dn}\nchangetype: modify\nadd: {attribute}\n{attribute}: {value}\n")


if __name__ == "__main__":
    main()
