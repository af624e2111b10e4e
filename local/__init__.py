"""The local cloud: the real template, deployed to an AWS emulator on the loopback interface."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
