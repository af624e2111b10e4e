"""A red state in the console names its file: state, module and function go by one name in the real tree."""

from pathlib import Path

import pytest

from tools import check_statemachines

ROOT = Path(__file__).parents[2]


def test_state_module_and_function_go_by_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_statemachines, "check_with_cfn_lint", lambda _definitions: [])
    report = check_statemachines.check_template(ROOT / "template.yaml")
    broken = [str(finding) for _, finding in report.findings if finding.rule == "one-state-one-module"]
    assert (report.machines, broken) == (len(list((ROOT / "statemachines").glob("*.asl.json"))), [])
