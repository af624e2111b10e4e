"""Which modules are rules, and which tests import them."""

from pathlib import Path

import pytest

from tools.mutants import ROOT, find_tests, rules

MODULES = {
    "domain/claims": "import hashlib",
    "domain/resets": "from latchkey.domain.claims import Handle",
    "adapters/table": "import boto3",
    "adapters/ssm": "from latchkey.adapters import aws",
    "adapters/aws": "from botocore.exceptions import ClientError",
    "adapters/action_links": "from latchkey.adapters.table import Table",
    "environment": "import os.path",
}


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    for name, text in MODULES.items():
        path = tmp_path / "functions" / "latchkey" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return tmp_path / "functions"


def test_a_rule_imports_nothing_of_the_outside_world_nor_what_does(functions: Path) -> None:
    assert set(rules(functions)) == {"latchkey.domain.claims", "latchkey.domain.resets"}


def test_a_rules_tests_are_those_that_import_it(functions: Path) -> None:
    for name, text in {
        "test_a": "from latchkey.domain.claims import Handle",
        "test_b": "import latchkey.adapters.ssm",
    }.items():
        (functions / f"{name}.py").write_text(text)
    assert [path.name for path in find_tests(rules(functions), functions)] == ["test_a.py"]


def test_the_projects_own_rules_are_found() -> None:
    found = {name.rpartition(".")[2] for name in rules(ROOT / "functions")}
    assert {"passwords", "reminders", "rotation", "users"} <= found
    assert not {"iam", "ssm", "ldap", "handler"} & found
