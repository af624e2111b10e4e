"""Which Latchkey this is."""

VERSION = "0.1.0"
"""As semantic versioning has it; the template and pyproject.toml name the same."""
