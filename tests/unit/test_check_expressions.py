"""What asl-validator gets to read, and that what it says decides."""

import json
import subprocess
from pathlib import Path

import pytest

from tools.check_expressions import as_deployed, main


def test_placeholders_are_filled_in_and_empty_texts_are_not_empty() -> None:
    written = {
        "a": "{% ${Hours} * 3600 %}",
        "b": ["arn:${Partition}:${AWS::Region}:x", ""],
        "c": {"d": None, "e": 7, "f": True},
    }
    expected = {"a": "{% 1 * 3600 %}", "b": ["arn:aws:1:x", "-"], "c": {"d": None, "e": 7, "f": True}}
    assert as_deployed(written) == expected


@pytest.mark.parametrize("code", [0, 1])
def test_every_definition_is_read_and_the_validator_decides(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    read: list[str] = []

    def run(arguments: list[str], *, cwd: str, **_: object) -> subprocess.CompletedProcess[str]:
        assert arguments[1::2] == ["--json-path"] * 4
        read.extend(arguments[2::2])
        for name in read:
            assert json.loads(Path(cwd, name).read_text(encoding="utf-8"))["QueryLanguage"] == "JSONata"
        return subprocess.CompletedProcess(arguments, code, "what it says\n")

    monkeypatch.setattr(subprocess, "run", run)
    assert main() == code
    assert read == [f"{name}.asl.json" for name in ("cleanup", "reminders", "reset", "rotation")]
    assert capsys.readouterr().out == "what it says\n"
