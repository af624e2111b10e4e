"""The index of users: which spelling may mean whom, when it is made, and that it only suggests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.adapters import iam, table, user_index
from latchkey.domain.user_index import build_index, is_known_as, key_of, names_in, shard_of
from latchkey.domain.users import IamUser
from latchkey.errors import ListingInProgressError, ThrottledError
from tests.unit.stack import IAM, NOW, Stack

MARY = "mary.smith@corp.example.com"
SECONDS = int(NOW.timestamp())

type Find = Callable[[str, int], list[str]]


def tagged(name: str, address: str) -> IamUser:
    return IamUser(name, tags={"email": address})


def found(spelling: str, *users: IamUser) -> list[str]:
    key = key_of(spelling)
    return names_in(build_index(users)[shard_of(key)], key)


@pytest.mark.parametrize("spelling", ["msmith", "MSMITH", MARY, MARY.upper(), MARY.title()])
def test_a_user_is_found_by_name_and_address_in_any_case(spelling: str) -> None:
    assert found(spelling, tagged("MSmith", MARY), IamUser("bob")) == ["MSmith"]


def test_who_share_an_address_are_all_found_but_no_more_than_eight() -> None:
    assert found(MARY, tagged("mary2", MARY), tagged("mary", MARY.upper())) == ["mary", "mary2"]
    assert len(found(MARY, *(tagged(f"mary{number}", MARY) for number in range(20)))) == 8


def test_a_name_comes_before_the_address_of_others() -> None:
    assert found(MARY, tagged("other", MARY), IamUser(MARY.title())) == [MARY.title()]


def test_a_user_without_address_is_found_by_name_alone() -> None:
    assert found("robot", tagged("robot", "none")) == ["robot"]
    assert found("none", tagged("robot", "none")) == []


NAMES = st.text("ABab_+=,.@-019", min_size=1, max_size=20)


@given(st.lists(NAMES, unique_by=str.lower))
def test_every_name_leads_to_its_user_whatever_others_are_called(names: list[str]) -> None:
    users = [tagged(name, MARY) for name in names]
    index = build_index(users)
    assert len(index) == 16
    for user in users:
        key = key_of(user.name.swapcase())
        assert names_in(index[shard_of(key)], key) == [user.name]


@pytest.mark.parametrize(
    ("user", "spelling", "known"),
    [
        (tagged("msmith", MARY), "MSmith", True),
        (tagged("msmith", MARY), MARY.upper(), True),
        (tagged("msmith", MARY), "other@corp.example.com", False),
        (IamUser(MARY), MARY.upper(), True),
        (tagged("msmith", "none"), "none", False),
        (tagged("bob@example.com", MARY), "bob@example.com", True),
    ],
)
def test_a_user_is_known_by_name_and_by_the_address_that_mails_go_to(
    *, user: IamUser, spelling: str, known: bool
) -> None:
    assert is_known_as(user, spelling) is known


# The table


@pytest.fixture
def find(stack: Stack) -> Find:
    stack.add_user("msmith", tags={"Email": MARY})
    stack.calls.clear()
    return lambda spelling, seconds: user_index.find_names(spelling, SECONDS + seconds, iam.list_users)


def listings(stack: Stack) -> int:
    return stack.operations().count("GetAccountAuthorizationDetails")


def test_the_first_question_makes_the_index(stack: Stack, find: Find) -> None:
    assert find(MARY, 0) == ["msmith"]
    assert listings(stack) == 1


def test_what_is_known_is_not_listed_again_for_an_hour(stack: Stack, find: Find) -> None:
    assert [find(MARY, seconds) for seconds in (0, 3599)] == [["msmith"], ["msmith"]]
    assert listings(stack) == 1
    find(MARY, 3600)
    assert listings(stack) == 2


def test_unknown_names_list_the_users_once_in_two_seconds_however_many_there_are(
    stack: Stack, find: Find
) -> None:
    for number, seconds in enumerate((0, 0, 1, 1)):
        assert find(f"unknown{number}", seconds) == []
    assert listings(stack) == 1
    assert find("unknown", 2) == []
    assert listings(stack) == 2


def test_a_user_who_was_tagged_a_moment_ago_is_found(stack: Stack, find: Find) -> None:
    find("unknown", 0)
    stack.add_user("jdoe", tags={"EMAIL": "jdoe@corp.example.com"})
    assert find("jdoe@corp.example.com", 2) == ["jdoe"]


def test_what_did_not_change_is_not_written_again(stack: Stack, find: Find) -> None:
    find(MARY, 0)
    assert stack.operations().count("PutItem") == 16
    stack.add_user("jdoe")
    find(MARY, 3600)
    assert stack.operations().count("PutItem") == 17


def test_a_tag_that_is_gone_leaves_the_index(find: Find) -> None:
    find(MARY, 0)
    IAM.untag_user(UserName="msmith", TagKeys=["Email"])
    assert find(MARY, 3600) == []


def test_while_another_lists_only_who_is_unknown_waits(find: Find) -> None:
    find(MARY, 0)

    def while_listing() -> Iterator[IamUser]:
        assert find(MARY, 3601) == ["msmith"]
        with pytest.raises(ListingInProgressError):
            find("unknown", 3601)
        yield tagged("jdoe", "jdoe@corp.example.com")

    assert user_index.find_names("jdoe", SECONDS + 3600, while_listing) == ["jdoe"]


def test_a_listing_that_was_given_up_is_begun_again(stack: Stack, find: Find) -> None:
    stack.refuse("GetAccountAuthorizationDetails", "Throttling")
    with pytest.raises(ThrottledError):
        find(MARY, 0)
    with pytest.raises(ListingInProgressError):
        find(MARY, 89)
    assert find(MARY, 90) == ["msmith"]


def test_the_index_holds_no_address(stack: Stack, find: Find) -> None:
    find(MARY, 0)
    written: list[dict[str, Any]] = stack.sent("PutItem")
    assert "msmith" in str(written)
    assert MARY not in str(written)


def test_the_table_keeps_an_item_of_each_shard_and_one_of_the_listing(stack: Stack, find: Find) -> None:
    find(MARY, 0)
    assert stack.operations().count("UpdateItem") == 2
    assert table.get("index#") == {"id": "index#", "listed_at": SECONDS}
