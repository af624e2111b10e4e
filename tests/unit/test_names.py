"""The names of parametrised tests say what their values are."""

from datetime import timedelta

import pytest

from latchkey.errors import ThrottledError
from reset.store_password import handler
from tests.names import name_of
from tests.unit.stack import client_error


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"Origin": "https://x", "Host": None}, "Origin=https://x, Host=None"),
        (frozenset({"b", "a"}), "a, b"),
        ([1, "two", ThrottledError], "1, two, ThrottledError"),
        (({},), "nothing"),
        ("", "empty"),
        ("x" * 61, "x" * 57 + "..."),
        (timedelta(minutes=5), "0:05:00"),
        (client_error("Throttling"), "Throttling"),
        (KeyError("planted"), "KeyError: 'planted'"),
        (OSError(), "OSError"),
        (handler, "store_password"),
    ],
)
def test_a_value_is_named_by_what_it_is(value: object, name: str) -> None:
    assert name_of(value) == name


@pytest.mark.parametrize("value", [None, 5, ThrottledError, "short"])
def test_what_pytest_names_well_is_left_to_it(value: object) -> None:
    assert name_of(value) is None


def test_an_address_in_memory_is_no_name() -> None:
    assert name_of(object()) is None
