"""What commands tell the person at the terminal."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
