"""What the demo's steps print, and how they fail."""

from __future__ import annotations

import textwrap
from itertools import count
from typing import TYPE_CHECKING, Any

from local.console import say

if TYPE_CHECKING:
    import httpx

    from local.driver.product import Run


_numbers = count(1)


class DemoError(AssertionError):
    """When a step did not do what it says."""


def title(text: str) -> None:
    """Begin a step; they are numbered in the order in which they are told."""
    numbered = f"{next(_numbers)}. {text}"
    say(f"\n{numbered}\n{'-' * len(numbered)}")


def show(request: str, answer: httpx.Response, *, expected: int, body: str = "") -> None:
    """Tell a request and its answer. Raises DemoError where that has not the expected status."""
    say(f"{request}  ->  {answer.status_code} {body or answer.text}")
    if answer.status_code != expected:
        raise DemoError(f"{request} answered {answer.status_code}, not {expected}")


def check(promise: str, kept: object) -> None:
    """Print a claim and whether it holds. Raises DemoError if it does not."""
    say(f"  {'yes' if kept else 'NO'}: {promise}")
    if not kept:
        raise DemoError(f"Not so: {promise}")


def quote(mail: dict[str, Any], hidden: str = "") -> None:
    """Show a mail."""
    # The link expires before anyone reads this, but the rule has no exception: no secret in any output.
    text = mail["text"].replace(hidden, "<the link's secret>") if hidden else mail["text"]
    head = f"From: {mail['from']}\nTo: {', '.join(mail['to'])}\nSubject: {mail['subject']}\n\n"
    say(textwrap.indent(head + text.rstrip(), "  | ", lambda _: True))


def tell(run: Run, *, ends: str) -> None:
    """Tell the states of an execution. Raises DemoError where it ended in another state."""
    say(f"The execution {run.description['name']} {run.status}:")
    for state, seconds in run.durations:
        say(f"  {state:<24}{seconds:7.2f} s")
    if run.states[-1] != ends:
        raise DemoError(f"The execution ended in {run.states[-1]}, not {ends}: {run.cause}")
