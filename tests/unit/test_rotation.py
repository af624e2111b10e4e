"""What a rotation may delete, must keep and does next, for every state it can find."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.domain.rotation import (
    CURRENT,
    PENDING,
    PREVIOUS,
    AccessKey,
    Plan,
    SecretVersion,
    labelled,
    plan,
)
from latchkey.errors import KeyLimitError

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SETTLING = timedelta(hours=96)
LONG_AGO = NOW - timedelta(days=30)
A_MOMENT_AGO = NOW - timedelta(hours=1)


def keys(*ids: str, inactive: str = "") -> list[AccessKey]:
    return [AccessKey(key, active=key != inactive) for key in ids]


def version(label: str, key_id: str | None, created_at: datetime = LONG_AGO) -> SecretVersion:
    return SecretVersion(f"version of {key_id}", frozenset({label}), created_at, key_id)


EMPTY = version(CURRENT, None)
OLD, NEW = version(PREVIOUS, "OLD"), version(CURRENT, "NEW")


@pytest.mark.parametrize(
    ("found", "versions", "keep"),
    [
        ([], [], ()),
        ([], [EMPTY], ()),
        (["FOREIGN"], [EMPTY], ()),
        (["STAGED"], [EMPTY, version(PENDING, "STAGED")], ()),
        (["STAGED", "FOREIGN"], [EMPTY, version(PENDING, "STAGED")], ()),
        (["NEW"], [NEW], ("NEW",)),
        (["NEW"], [NEW, OLD], ("NEW",)),
        (["NEW", "FOREIGN"], [NEW, OLD], ("NEW",)),
        (["NEW", "STAGED"], [NEW, version(PENDING, "STAGED")], ("NEW",)),
        (["OLD"], [NEW, OLD], ("OLD",)),
        (["OLD", "FOREIGN"], [NEW, OLD], ("OLD",)),
        (["OLD", "NEW"], [NEW, OLD], ("NEW",)),
    ],
    ids=[
        "nothing at all",
        "a new stack",
        "an empty secret and an unknown key",
        "a first rotation that stopped after staging",
        "two that stopped",
        "the usual second rotation",
        "the usual third rotation",
        "one that stopped between key and secret",
        "one that stopped after staging",
        "a current key that was deleted by hand",
        "the same, and an unknown key",
        "one that stopped long ago, after promotion",
    ],
)
def test_new_credentials_are_made_whatever_is_there(
    found: list[str], versions: list[SecretVersion], keep: tuple[str, ...]
) -> None:
    assert plan(keys(*found), versions, NOW, SETTLING) == Plan(keep)


def test_a_rotation_stopped_a_moment_ago_is_finished_instead() -> None:
    current = version(CURRENT, "NEW", A_MOMENT_AGO)
    assert plan(keys("OLD", "NEW"), [current, OLD], NOW, SETTLING) == Plan(("OLD", "NEW"), "version of NEW")


def test_so_is_one_whose_old_key_is_inactive_already() -> None:
    current = version(CURRENT, "NEW", A_MOMENT_AGO)
    found = plan(keys("OLD", "NEW", inactive="OLD"), [current, OLD], NOW, SETTLING)
    assert found == Plan(("OLD", "NEW"), "version of NEW")


def test_credentials_rolled_back_by_hand_count_from_the_newer_of_both() -> None:
    previous = version(PREVIOUS, "FAULTY", A_MOMENT_AGO)
    found = plan(keys("FAULTY", "NEW"), [NEW, previous], NOW, SETTLING)
    assert found == Plan(("FAULTY", "NEW"), "version of NEW")


def test_waiting_ends_with_the_last_moment() -> None:
    current = version(CURRENT, "NEW", NOW - SETTLING)
    assert plan(keys("OLD", "NEW"), [current, OLD], NOW, SETTLING) == Plan(("NEW",))


def test_two_unknown_keys_stop_it() -> None:
    with pytest.raises(KeyLimitError, match="does not name: ONE and TWO"):
        plan(keys("ONE", "TWO"), [NEW, OLD], NOW, SETTLING)


def test_two_keys_of_the_secret_stop_it_where_the_current_one_does_not_work() -> None:
    with pytest.raises(KeyLimitError, match="the current one, NEW, is inactive"):
        plan(keys("OLD", "NEW", inactive="NEW"), [NEW, OLD], NOW, SETTLING)


NAMES = ["A", "B", "C"]
FOUND = st.lists(
    st.builds(AccessKey, st.sampled_from(NAMES), active=st.booleans()),
    max_size=2,
    unique_by=lambda key: key.id,
)
VERSIONS = st.tuples(
    *(
        st.none()
        | st.builds(
            version,
            st.just(label),
            st.none() | st.sampled_from(NAMES),
            st.datetimes(datetime(2026, 1, 1), NOW.replace(tzinfo=None), timezones=st.just(UTC)),  # noqa: DTZ001
        )
        for label in (CURRENT, PREVIOUS, PENDING)
    )
).map(lambda found: [each for each in found if each])


@given(found=FOUND, versions=VERSIONS)
def test_whatever_it_finds_the_working_current_key_stays_and_there_is_room(
    found: list[AccessKey], versions: list[SecretVersion]
) -> None:
    try:
        planned = plan(found, versions, NOW, SETTLING)
    except KeyLimitError:
        assert len(found) == 2
        return
    current = labelled(versions, CURRENT)
    working = {key.id for key in found if key.active and current and key.id == current.key_id}
    assert working <= set(planned.keep) <= {key.id for key in found}
    if planned.version_id is None:
        assert len(planned.keep) < 2
    else:
        assert current is not None
        assert planned.version_id == current.id
        assert working


def test_labels_are_found_where_they_are() -> None:
    assert [labelled([OLD, NEW], label) for label in (CURRENT, PREVIOUS, PENDING)] == [NEW, OLD, None]
    assert all(one != other for one, other in pairwise((CURRENT, PREVIOUS, PENDING)))
