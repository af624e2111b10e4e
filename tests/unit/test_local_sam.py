"""When the local cloud builds again, and in which environment."""

import shutil
import zipfile
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from local.cloud import Stack
from local.sam import environment, package, share_archive, sources_digest


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a tree with a template, a function and a state machine."""
    for name in ("template.yaml", "functions/reset/a.py", "statemachines/reset.asl.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "samconfig.toml").write_text("")
    return tmp_path


@pytest.mark.parametrize("changed", ["template.yaml", "functions/reset/a.py", "statemachines/reset.asl.json"])
def test_a_changed_source_changes_the_digest(tree: Path, changed: str) -> None:
    before = sources_digest(tree)
    (tree / changed).write_text("other")
    assert sources_digest(tree) != before


def test_a_new_and_a_renamed_file_change_the_digest(tree: Path) -> None:
    before = sources_digest(tree)
    (tree / "functions/reset/b.py").write_text("")
    with_new = sources_digest(tree)
    (tree / "functions/reset/b.py").rename(tree / "functions/reset/c.py")
    assert len({before, with_new, sources_digest(tree)}) == 3


def test_bytecode_and_other_files_do_not_change_the_digest(tree: Path) -> None:
    before = sources_digest(tree)
    (tree / "functions/reset/__pycache__").mkdir()
    (tree / "functions/reset/__pycache__/a.pyc").write_text("")
    (tree / "README.md").write_text("")
    assert sources_digest(tree) == before


def test_the_same_tree_elsewhere_has_the_same_digest(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "tree"
    shutil.copytree(tree, elsewhere)
    assert sources_digest(elsewhere) == sources_digest(tree)


def test_sam_never_sees_the_developers_own_aws_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "mine")
    env = environment({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert {name for name in env if name.startswith("AWS_")} == {"AWS_CONFIG_FILE", "AWS_ENDPOINT_URL"}
    assert env["SAM_CLI_TELEMETRY"] == "0"


def test_a_stack_is_read_as_it_was_written(tmp_path: Path) -> None:
    stack = Stack(
        endpoint_url="http://127.0.0.1:1",
        region="us-east-1",
        stack_name="latchkey-local",
        api_url="http://127.0.0.1:1/api",
        mailbox_url="http://127.0.0.1:1/mailbox",
        smtp={"host": "127.0.0.1", "port": 2},
        outputs={"ApiUrl": "x"},
    )
    stack.write(tmp_path)
    assert Stack.read(tmp_path) == stack


def test_all_functions_get_the_one_archive_of_their_code(tmp_path: Path) -> None:
    for name in ("AFunction", "BFunction"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("A = 1")
    template = "Globals:\n  Function:\n    CodeUri: functions/\nResources:\n"
    one = "  {name}:\n    Properties:\n      CodeUri: {name}\n      Handler: a.b\n"
    (tmp_path / "template.yaml").write_text(
        template + one.format(name="AFunction") + one.format(name="BFunction")
    )
    shared = share_archive(tmp_path).read_text()
    assert shared.count("      CodeUri: code.zip\n") == 2
    with zipfile.ZipFile(tmp_path / "code.zip") as archive:
        assert archive.read("a.py") == b"A = 1"


def test_what_was_packed_once_is_brought_to_every_cloud(tmp_path: Path) -> None:
    packages = tmp_path / ".aws-sam" / "packaged" / "a-stack"
    packages.mkdir(parents=True)
    (packages / "0123abcd").write_bytes(b"a package")
    packages.with_suffix(".yaml").write_text("Resources: {}")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        package(tmp_path, "http://127.0.0.1:1", s3, "a-stack")
        found = s3.get_object(Bucket="a-stack-packages", Key="0123abcd")["Body"].read()
    assert found == b"a package"
