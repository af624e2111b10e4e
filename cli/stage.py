"""What `make deploy STAGE=…` would deploy: a stage of samconfig.toml, and the template's parameters."""

from __future__ import annotations

import shlex
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: the stack's name and region, and the parameters it is deployed with.

    `defaults` has every parameter of the template; None for those that have no default.
    """

    stack: str
    region: str
    overrides: Mapping[str, str]
    defaults: Mapping[str, str | None]


class _TemplateLoader(yaml.CSafeLoader):
    """Reads a template as far as its parameters need; what `!Ref` and the like stand for is left out."""


_TemplateLoader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def read_stage(folder: Path, name: str) -> Stage:
    """Read a stage from a checkout.

    Raises:
        click.UsageError: when the folder is no checkout, or samconfig.toml has no such stage.
    """
    try:
        config = tomllib.loads((folder / "samconfig.toml").read_text("utf-8"))
        template = (folder / "template.yaml").read_text("utf-8")
    except FileNotFoundError as error:
        raise click.UsageError(
            f"--stage is for a checkout of Latchkey; there is no {error.filename}."
        ) from None
    # Beside its stages the file has a version, which is no table.
    stage = config[name] if isinstance(config.get(name), dict) else {}
    everywhere = stage.get("global", {}).get("parameters", {})
    deploy = everywhere | stage.get("deploy", {}).get("parameters", {})
    if "stack_name" not in deploy:
        raise click.UsageError(f"samconfig.toml has no stage {name}.")
    # The template is the project's own, and _TemplateLoader makes nothing but plain values.
    parameters: dict[str, dict[str, Any]] = yaml.load(template, _TemplateLoader)["Parameters"]  # noqa: S506
    return Stage(
        stack=deploy["stack_name"],
        region=deploy.get("region", ""),
        overrides=_overrides(deploy.get("parameter_overrides", "")),
        defaults={
            key: str(parameter["Default"]) if "Default" in parameter else None
            for key, parameter in parameters.items()
        },
    )


def parse_parameters(texts: tuple[str, ...]) -> dict[str, str]:
    """Read `Name=value` texts.

    Raises:
        click.UsageError: when one has no equals sign.
    """
    pairs = [text.partition("=") for text in texts]
    wrong = [name for name, sign, _ in pairs if not sign]
    if wrong:
        raise click.UsageError(f"A parameter is Name=value, not {wrong[0]}.")
    return {name: value for name, _, value in pairs}


def _overrides(value: object) -> dict[str, str]:
    """Read what sam takes: one text, a list of texts, or a table; quotation marks as in a shell."""
    if isinstance(value, dict):
        return {str(name): str(each) for name, each in value.items()}
    texts = [str(each) for each in value] if isinstance(value, list) else [str(value)]
    return parse_parameters(tuple(word for text in texts for word in shlex.split(text)))
