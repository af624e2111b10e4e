"""The check of the runbook finds what it lacks, and passes the one that is there."""

import shutil
from pathlib import Path

import pytest

from tools.check_operations import check, main

ROOT = Path(__file__).parents[2]
READ = ("docs/operations.md", "functions/latchkey/errors.py", "template.yaml")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of what the check reads."""
    for name in READ:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "statemachines", tmp_path / "statemachines")
    return tmp_path


def plant(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text("utf-8")
    assert old in text
    (root / name).write_text(text.replace(old, new), "utf-8")


def test_the_runbook_has_what_it_needs() -> None:
    assert list(check(ROOT)) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "finding"),
    [
        ("docs/operations.md", "| `SealBrokenError` |", "| the seal |", "no row for SealBrokenError"),
        ("docs/operations.md", "`InputRefusedError` |", "x |", "no row for InputRefusedError"),
        ("docs/operations.md", "## ApiErrorAlarm", "## 5xx", "no section for ApiErrorAlarm"),
        (
            "functions/latchkey/errors.py",
            "class SealBrokenError",
            "class SealBurstError",
            "no row for SealBurstError",
        ),
        (
            "functions/latchkey/errors.py",
            "class SealBrokenError",
            "class SealBurstError",
            "a row for SealBrokenError, which ends no execution",
        ),
        (
            "functions/latchkey/errors.py",
            "class DeclinedError",
            "class SaidNoError",
            "there is no DeclinedError any more to end nothing",
        ),
        ("docs/operations.md", "| `SealBrokenError` |", "| `DeclinedError` |", "DeclinedError ends nothing"),
        ("template.yaml", "  ApiErrorAlarm:", "  ApiSlowAlarm:", "no section for ApiSlowAlarm"),
        ("template.yaml", "  ApiErrorAlarm:", "  ApiSlowAlarm:", "ApiErrorAlarm, which the template has not"),
    ],
)
def test_a_gap_of_the_runbook_is_found(copy: Path, name: str, old: str, new: str, finding: str) -> None:
    plant(copy, name, old, new)
    assert any(finding in found for found in check(copy))


def test_findings_fail_the_command(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(copy)]) == 0
    plant(copy, "docs/operations.md", "| `SealBrokenError` |", "| the seal |")
    assert main(["--root", str(copy)]) == 1
    assert "docs/operations.md: no row for SealBrokenError" in capsys.readouterr().out
