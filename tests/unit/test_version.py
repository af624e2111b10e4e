"""One version, wherever it is named."""

import tomllib
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from samcli.vendor.serverlessrepo import parser
from samcli.yamlhelper import yaml_dump

from cli.__main__ import main
from latchkey.domain.request_fields import RequestAccess
from latchkey.domain.style import Style
from latchkey.version import VERSION
from latchkey.web.pages import Door, linked_page, request_page
from tools.asl import read_template
from tools.transform import written

ROOT = Path(__file__).parents[2]
TEMPLATE: Any = read_template(ROOT / "template.yaml")
APPLICATION = TEMPLATE["Metadata"]["AWS::ServerlessRepo::Application"]


def test_the_package_the_application_and_the_outputs_name_the_same_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == VERSION
    assert APPLICATION["SemanticVersion"] == VERSION
    assert TEMPLATE["Outputs"]["Version"]["Value"] == VERSION
    assert CliRunner().invoke(main, ["--version"]).output == f"{VERSION}\n"


STYLE = Style(language="en", zone="UTC")


def test_each_page_says_its_version() -> None:
    for page in (
        request_page(Door(RequestAccess.PUBLIC), "", "en", STYLE),
        *(linked_page(name, "en", STYLE) for name in ("extract", "confirm", "revoke")),
    ):
        assert page is not None
        assert f"Latchkey {VERSION}</p></footer>" in page.html


def test_the_application_repository_gets_what_it_asks_for() -> None:
    # https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-template-publishing-applications-metadata-properties.html
    assert APPLICATION["Name"].isalnum()
    assert len(APPLICATION["Description"]) <= 256
    assert len(APPLICATION["Author"]) <= 127
    assert len(APPLICATION["Labels"]) <= 10
    # What `sam publish` reads of what `sam package` writes, and asks for before it calls AWS.
    packaged = yaml_dump({"Metadata": written()["Metadata"]})
    asked = parser.get_app_metadata(parser.parse_template(packaged))
    assert asked.validate(["author", "description", "name"])
    assert asked.semantic_version == VERSION
    for file in (APPLICATION["ReadmeUrl"], APPLICATION["LicenseUrl"]):
        assert (ROOT / file).is_file()
