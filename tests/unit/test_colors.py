"""Colours that can be read, whatever an organisation's own is."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from latchkey.domain.colors import CONTRAST, contrast, readable, stronger

COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
GROUNDS = ("#ffffff", "#eef3f0", "#1a211e", "#000000")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#ffffff", 4.0),
        ("#0000FF", "#ffffff", 8.59),
    ],
)
def test_the_contrast_is_what_wcag_says(one: str, other: str, ratio: float) -> None:
    assert round(contrast(one, other), 2) == ratio
    assert contrast(one, other) == contrast(other, one)


@given(COLORS, st.sampled_from(GROUNDS))
@example("#ffffff", "#ffffff")
@example("#000000", "#000000")
def test_every_colour_becomes_one_that_can_be_read(color: str, ground: str) -> None:
    found = readable(color, ground)
    assert contrast(found, ground) >= CONTRAST
    assert contrast(stronger(found, ground), ground) >= contrast(found, ground)


@given(COLORS, st.sampled_from(GROUNDS))
def test_a_colour_that_can_be_read_stays(color: str, ground: str) -> None:
    if contrast(color, ground) >= CONTRAST:
        assert readable(color, ground) == color
