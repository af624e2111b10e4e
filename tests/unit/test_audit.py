"""What checkov reads, and which findings are already answered."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tools.audit import ANSWERED, CHECKOV, main

ROOT = Path(__file__).parents[2]


def test_every_kind_of_finding_that_is_left_has_its_sentence() -> None:
    document, template = (ROOT / "docs/security.md").read_text(), (ROOT / "template.yaml").read_text()
    rows = re.findall(r"^\| (CKV_AWS_\d+) \| [^|]+ \| [^|]{20,} \|$", document, re.MULTILINE)
    skipped = re.findall(r"checkov: \{skip: \[\{id: (\w+),", template)
    assert sorted(rows) == sorted((*ANSWERED, *skipped))


@pytest.mark.parametrize("code", [0, 1])
def test_checkov_reads_the_transformed_template_and_decides(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def call(arguments: list[object]) -> int:
        given = [str(argument) for argument in arguments]
        assert given[given.index("--from") + 1] == CHECKOV
        template = json.loads(Path(given[given.index("--file") + 1]).read_text(encoding="utf-8"))
        assert not [each for each in template["Resources"].values() if "Serverless" in each["Type"]]
        return code

    monkeypatch.setattr(subprocess, "call", call)
    assert main() == code
