"""The table of what replaced functions could do names each function of the template, and tests there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "security.md").read_text("utf-8")
TABLE = DOCUMENT.partition("<!-- functions:begin -->")[2].partition("<!-- functions:end -->")[0]
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in TABLE.splitlines() if line[:3] == "| `"]


def test_the_table_has_a_row_for_each_function_and_no_other() -> None:
    template = (ROOT / "template.yaml").read_text("utf-8")
    functions = re.findall(
        r"^  (\w+)Function:\n    Type: AWS::Serverless::Function$", template, flags=re.MULTILINE
    )
    # One has a condition before its type.
    functions += re.findall(
        r"^  (\w+)Function:\n(?:    (?!Type)\S.*\n)+    Type: AWS::Serverless::Function$",
        template,
        flags=re.MULTILINE,
    )
    functions += re.findall(
        r"^  (\w+)Function:\n    Type: AWS::Serverless::Function\n    Condition", template, flags=re.MULTILINE
    )
    assert sorted(name.strip("`") for name, *_ in ROWS) == sorted(set(functions))


def test_each_row_says_what_and_names_a_test_there_is() -> None:
    for name, worst, never, tests in ROWS:
        assert worst, name
        assert never, name
        named = re.findall(r"`([^`]+)`", tests)
        assert named, name
        for path, _, test in (each.partition("::") for each in named):
            text = (ROOT / "tests" / path).read_text("utf-8")
            assert not test or f"def {test}(" in text, f"{name}: there is no {path}::{test}"
