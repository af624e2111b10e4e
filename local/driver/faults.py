"""Faults of AWS as tests plant them; `local/emulator/faults.py` says what each field does."""

from __future__ import annotations

from typing import Any


def fault(service: str, action: str, error: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # a fault's fields
    """Return a fault that hits every call of an action."""
    return {"service": service, "action": action, "error": error, "times": None, **more}


def failing(state: str, error: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # as above
    """Let the function of a state fail with an error."""
    return fault("lambda", "Invoke", error, match=f"{state}Function", **more)


def hangs(state: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # as above
    """Let the function of a state take longer than its state allows."""
    return failing(state, "States.Timeout", **more)
