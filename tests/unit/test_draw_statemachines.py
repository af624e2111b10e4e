"""The pictures in the documents show what the definitions say."""

from pathlib import Path

import pytest

from tools.asl import read_definition
from tools.draw_statemachines import draw, main

ROOT = Path(__file__).parents[2]
GOOD = Path(__file__).parent / "statemachines" / "good.asl.json"

DOCUMENT = """# Before
<!-- reset:begin -->
<!-- reset:end -->
After, <!-- other:begin -->untouched<!-- other:end -->
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Build a project whose README has room for the picture of its one machine."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(DOCUMENT)
    (tmp_path / "statemachines").mkdir()
    (tmp_path / "statemachines" / "reset.asl.json").write_text(GOOD.read_text())
    return tmp_path


def lines(picture: str) -> set[str]:
    return {line.strip() for line in picture.splitlines()}


def test_a_picture_shows_ways_on_in_full_and_errors_dashed() -> None:
    assert {
        "StorePassword --> WaitForClaim",
        'WaitForClaim -->|"also after time-out"| HowItEnded',
        "HowItEnded -->|\"$states.input.outcome = 'claimed'\"| Claimed",
        'HowItEnded -->|"otherwise"| Expired',
        'StorePassword & WaitForClaim -.- caught0(["error"]):::label',
        "caught0 -.-> Failed",
    } <= lines(draw(read_definition(GOOD)))


def test_the_shape_tells_steps_waits_choices_and_ends_apart() -> None:
    assert {
        "StorePassword[StorePassword]",
        "WaitForClaim{{WaitForClaim}}",
        "HowItEnded{HowItEnded}",
        "Claimed([Claimed]):::succeeded",
        "Failed([Failed]):::failed",
    } <= lines(draw(read_definition(GOOD)))


def test_what_one_state_alone_catches_is_named_on_its_line() -> None:
    catch = [{"ErrorEquals": ["KeyLimitError", "States.Timeout"], "Next": "Stopped"}]
    states = {"Create": {"Type": "Task", "Catch": catch, "Next": "Done"}, "Done": {}, "Stopped": {}}
    assert 'Create -.->|"KeyLimitError<br>time-out"| Stopped' in lines(draw({"States": states}))


def test_a_condition_cannot_break_out_of_its_label() -> None:
    rule = {"Condition": '{% $a < 1 & "#" %}', "Next": "Done"}
    states = {"Choose": {"Type": "Choice", "Choices": [rule]}, "Done": {}}
    assert 'Choose -->|"$a #lt; 1 #amp; #quot;#35;#quot;"| Done' in lines(draw({"States": states}))


def test_a_comment_says_it_in_place_of_a_condition() -> None:
    rule = {"Comment": "few & good", "Condition": "{% $long < 1 %}", "Next": "Done"}
    states = {"Choose": {"Type": "Choice", "Choices": [rule]}, "Done": {}}
    assert 'Choose -->|"few #amp; good"| Done' in lines(draw({"States": states}))


def test_a_picture_is_drawn_between_its_marks_and_nowhere_else(root: Path) -> None:
    assert main(["--root", str(root)]) == 0
    document = (root / "README.md").read_text()
    assert (
        f"<!-- reset:begin -->\n```mermaid\n{draw(read_definition(GOOD))}\n```\n<!-- reset:end -->"
        in document
    )
    assert document.startswith("# Before\n")
    assert document.endswith("After, <!-- other:begin -->untouched<!-- other:end -->\n")


def test_a_stale_picture_fails_the_check_until_it_is_drawn_again(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", "--root", str(root)]) == 1
    assert "README.md: a state machine's picture is stale; run: python -m tools.draw_statemachines\n" in (
        capsys.readouterr().out
    )
    assert (root / "README.md").read_text() == DOCUMENT
    main(["--root", str(root)])
    assert main(["--check", "--root", str(root)]) == 0


def test_a_machine_that_no_document_shows_fails_the_check(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "README.md").write_text("# No picture\n")
    assert main(["--check", "--root", str(root)]) == 1
    assert "no document has a picture of reset;" in capsys.readouterr().out


def test_an_unreadable_definition_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "statemachines" / "reset.asl.json").write_text("{")
    assert main(["--root", str(root)]) == 1
    assert "reset.asl.json: cannot be read as JSON" in capsys.readouterr().out


def test_the_pictures_of_this_project_are_up_to_date() -> None:
    assert main(["--check", "--root", str(ROOT)]) == 0
