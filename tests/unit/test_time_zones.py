"""Time zones, with a system's database and without."""

from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from latchkey.domain import time_zones
from latchkey.domain.time_zones import time_zone


class Nothing(ZoneInfo):
    """What `ZoneInfo` is where the system has no zones: only what is read from a file."""

    def __new__(cls, key: str) -> Self:
        raise ZoneInfoNotFoundError(key)


@pytest.fixture(autouse=True)
def fresh() -> None:
    time_zone.cache_clear()


# An alias is a link in the archive.
@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Australia/ACT"])
def test_without_a_database_of_the_system_the_bundled_one_serves(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(time_zones, "ZoneInfo", Nothing)
    bundled, system = time_zone(name), ZoneInfo(name)
    assert str(bundled) == name
    for day in range(0, 730, 3):
        moment = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
        assert moment.astimezone(bundled).utcoffset() == moment.astimezone(system).utcoffset()


def test_a_name_of_no_zone_is_refused_with_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        time_zone("Europe/Nowhere")
    monkeypatch.setattr(time_zones, "ZoneInfo", Nothing)
    for name in ("Europe/Nowhere", "Europe"):
        with pytest.raises(ZoneInfoNotFoundError):
            time_zone(name)
