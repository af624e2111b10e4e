"""The bench's directory: what it sends is what LDAP's encoding says."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from bench.ldap_server import ber, entry, integer, values_in
from local.directory.samba import DirectoryUser

OCTETS, SEQUENCE, ENTRY = 0x04, 0x30, 0x64


@given(st.lists(st.binary(max_size=70_000), max_size=4))
def test_values_of_any_length_are_read_as_they_were_written(contents: list[bytes]) -> None:
    written = b"".join(ber(OCTETS, content) for content in contents)
    assert values_in(written) == [(OCTETS, content) for content in contents]


@given(st.integers(0, 2**40))
def test_numbers_are_never_negative(number: int) -> None:
    ((_, content),) = values_in(integer(number))
    assert int.from_bytes(content, signed=True) == number


def test_a_user_has_the_attributes_that_the_reminders_read() -> None:
    user = DirectoryUser("alice", 0.0, "alice@example.com", "Alice")
    ((tag, content),) = values_in(entry(0, user))
    (_, name), (_, attributes) = values_in(content)
    found = {}
    for _, attribute in values_in(attributes):
        (_, kind), (_, values) = values_in(attribute)
        ((_, found[kind.decode()]),) = values_in(values)
    assert (tag, name) == (ENTRY, found["distinguishedName"])
    assert found["objectGUID"] == UUID(int=1).bytes_le
    assert found["mail"] == b"alice@example.com"
    # Ninety days after 1970, in steps since 1601.
    assert found["msDS-UserPasswordExpiryTimeComputed"] == b"116522496000000000"
