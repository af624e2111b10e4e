"""How a patch finds what it replaces in MiniStack, and fails when that is gone."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# MiniStack carries no types: what comes from it stays behind this name.
type Untyped = Any


class PatchError(RuntimeError):
    """When MiniStack no longer has what a patch relies on."""


def module(name: str, *names: str) -> Untyped:
    """Import one of MiniStack's modules and check that it has `names`.

    Raises PatchError when it has not.
    """
    found: Untyped = importlib.import_module(f"ministack.{name}")
    missing = [wanted for wanted in names if not hasattr(found, wanted)]
    if missing:
        raise PatchError(
            f"MiniStack's {name} has no {', '.join(missing)} any more; review local/emulator/patches"
        )
    return found


def replace(owner: Untyped, name: str, wrap: Callable[[Untyped], Untyped]) -> None:
    """Replace a function of MiniStack's by one that wraps it.

    Raises PatchError when there is no such function.
    """
    original = getattr(owner, name, None)
    if not callable(original):
        raise PatchError(f"{owner.__name__} has no function {name} any more; review local/emulator/patches")
    setattr(owner, name, wrap(original))
