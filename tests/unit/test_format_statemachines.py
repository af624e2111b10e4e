"""The definitions are laid out so that a state reads from top to bottom, and its retriers as a table."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tools.format_statemachines import laid_out

LONG = ["A" * 60, "B" * 60]

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=12,
)


@given(ANY_JSON)
def test_laying_out_changes_nothing_but_blanks(definition: Any) -> None:  # noqa: ANN401  any JSON
    text = laid_out(definition)
    assert json.loads(text) == definition
    assert laid_out(json.loads(text)) == text


def lines_of(state: dict[str, Any]) -> list[str]:
    return laid_out({"States": {"Store": {"Type": "Task", **state}}}).splitlines()


def test_a_retrier_stands_on_one_line_however_long() -> None:
    retrier = {"ErrorEquals": LONG, "MaxAttempts": 0}
    assert f'        {{ "ErrorEquals": {json.dumps(LONG)}, "MaxAttempts": 0 }}' in lines_of(
        {"Retry": [retrier]}
    )


def test_what_is_short_stands_on_one_line() -> None:
    assert '      "Output": { "user": "{% $user %}" }' in lines_of({"Output": {"user": "{% $user %}"}})


def test_what_is_long_is_broken_up() -> None:
    assert max(map(len, lines_of({"Catch": [{"ErrorEquals": LONG, "Next": "Failed"}]}))) < 110


def test_a_state_keeps_a_line_for_every_key_however_short() -> None:
    assert lines_of({"End": True})[2:6] == [
        '    "Store": {',
        '      "Type": "Task",',
        '      "End": true',
        "    }",
    ]
