"""What a command looks at: a stack, the account it is in, and what is to be deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from boto3 import Session

    from cli.rules.stack import Plan


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a stack: its name and type in the template, and its name in AWS."""

    logical: str
    type: str
    physical: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that is deployed; CloudFormation refuses to delete it while it is `protected`."""

    name: str
    status: str
    parameters: Mapping[str, str]
    resources: tuple[Resource, ...]
    protected: bool = False

    def find(self, logical: str) -> str:
        """Return the name in AWS of what the template calls `logical`; empty where the stack has none."""
        return next((each.physical for each in self.resources if each.logical == logical), "")

    def all_of(self, kind: str) -> dict[str, str]:
        """Return the resources of a type: their names in AWS, and what the template calls them."""
        return {each.physical: each.logical for each in self.resources if each.type == kind}


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look.

    Attributes:
        session: the operator's credentials and region.
        plan: what is deployed or to be.
        parameters: the parameters' values, as of the next deployment.
        stack: the deployed stack; None before the first deployment.
        deploying: whether the operator is about to deploy.
        now: the time.
    """

    session: Session
    plan: Plan
    parameters: Mapping[str, str]
    stack: Stack | None
    deploying: bool
    now: datetime

    def parameter(self, name: str) -> str:
        """Return a parameter's value; empty where it has none."""
        return self.parameters.get(name, "")

    def listed(self, name: str) -> tuple[str, ...]:
        """Return the values of a parameter that are separated by commas."""
        values = (value.strip() for value in self.parameter(name).split(","))
        return tuple(value for value in values if value)
