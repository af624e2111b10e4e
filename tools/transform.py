"""The template as CloudFormation gets it: SAM's macro adds resources, and resolves no condition."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tools.asl import Json, read_template

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"
# What a package's place looks like once `sam package` has been there.
_PACKAGED = "s3://artifacts/package"
_REGION = "eu-central-1"


@cache
def written() -> Json:
    """Return the template as it lies in the tree; not to be changed."""
    return read_template(TEMPLATE)


def transform(parameters: Mapping[str, str]) -> Json:
    """Return what the macro makes of the template, for these parameters and the others' defaults."""
    template = deepcopy(written())
    template["Globals"]["Function"]["CodeUri"] = _PACKAGED
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = _PACKAGED
    given = {"SenderAddress": "accounts@example.com", **parameters}
    translator = Translator({}, Parser(), boto_session=SimpleNamespace(region_name=_REGION))
    transformed: Json = translator.translate(template, given)
    return transformed
