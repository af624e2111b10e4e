"""Drives the deployed product from outside, as users and operators do: for demo, tests and bench."""
