"""A local cloud whose organisation demands a permissions boundary makes no role and no user without it."""

from typing import Any

import pytest

from local.emulator.patches import boundary
from local.emulator.patches.base import module

BOUNDARY = "arn:aws:iam::000000000000:policy/boundary"


@pytest.mark.parametrize("kind", ["AWS::IAM::Role", "AWS::IAM::User"])
def test_roles_and_users_need_the_boundary_that_is_demanded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = module("services.cloudformation.provisioners")._RESOURCE_HANDLERS  # noqa: SLF001  # it has no other way in
    for each in ("AWS::IAM::Role", "AWS::IAM::User"):
        monkeypatch.setitem(handlers, each, {"create": lambda *_: "made"})
    monkeypatch.setattr(boundary, "_demanded", "")
    boundary.apply()

    def make(**properties: Any) -> object:  # noqa: ANN401  # a resource's properties
        return handlers[kind]["create"]("Some", properties, "stack")

    assert make() == "made"
    boundary.demand(BOUNDARY)
    with pytest.raises(ValueError, match="service control policy"):
        make()
    with pytest.raises(ValueError, match="service control policy"):
        make(PermissionsBoundary=f"{BOUNDARY}-of-mine")
    assert make(PermissionsBoundary=BOUNDARY) == "made"
