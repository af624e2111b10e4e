"""Rules: plain functions over frozen dataclasses, without any call to the outside."""
