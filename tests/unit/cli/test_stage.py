"""A stage of samconfig.toml, in each form in which sam takes parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from cli.stage import read_stage

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """
Parameters:
  Stage: {Type: String, Default: dev}
  Days: {Type: Number, Default: 30}
  SenderAddress: {Type: String}
Resources:
  Thing: !Sub "${Stage}"
"""


def stage(tmp_path: Path, overrides: str) -> dict[str, str]:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "samconfig.toml").write_text(
        f"""
        [prod.global.parameters]
        stack_name = "latchkey-prod"
        region = "eu-central-1"
        [prod.deploy.parameters]
        parameter_overrides = {overrides}
        """
    )
    found = read_stage(tmp_path, "prod")
    assert (found.stack, found.region) == ("latchkey-prod", "eu-central-1")
    assert found.defaults == {"Stage": "dev", "Days": "30", "SenderAddress": None}
    return dict(found.overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        r"""["Stage=prod", "Group=\"CN=No reminders,DC=example\""]""",
        r"""'Stage=prod Group="CN=No reminders,DC=example"'""",
        """{Stage = "prod", Group = "CN=No reminders,DC=example"}""",
    ],
)
def test_parameters_are_read_as_sam_reads_them(tmp_path: Path, overrides: str) -> None:
    assert stage(tmp_path, overrides) == {"Stage": "prod", "Group": "CN=No reminders,DC=example"}


def test_a_stage_without_parameters_has_none(tmp_path: Path) -> None:
    assert stage(tmp_path, "[]") == {}


def test_what_samconfig_says_beside_its_stages_is_no_stage(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "samconfig.toml").write_text("version = 0.1")
    with pytest.raises(click.UsageError, match=r"samconfig\.toml has no stage version\."):
        read_stage(tmp_path, "version")
