"""Coroutines without an event loop, which would need a socket."""

from collections.abc import Coroutine
from typing import Any


def result_of[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise AssertionError("The coroutine waits.")
