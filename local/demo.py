"""`make demo`: whole resets on a local cloud, told so that a person can follow; fails when a step does."""

from __future__ import annotations

import secrets
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.cloud import LocalCloud
from local.product import Product

if TYPE_CHECKING:
    import httpx

    from local.product import Run

ALICE, BOB = "alice@example.com", "bob@example.com"
# Long enough to claim in, short enough to wait for.
CLAIM_TTL_SECONDS = 20


class DemoError(AssertionError):
    """When a step did not do what it says."""


def run() -> None:
    """Run the demo on a cloud of its own and print the transcript. Raises DemoError when a step fails."""
    with tempfile.TemporaryDirectory(prefix="latchkey-demo-") as folder, LocalCloud(Path(folder)) as cloud:
        _say("Latchkey demo: password resets on a cloud of its own, where anybody may ask.")
        _say(f"A local cloud listens on {cloud.endpoint_url}. Building and deploying the real template ...")
        started = time.monotonic()
        cloud.deploy(ttl_seconds=CLAIM_TTL_SECONDS)
        _say(f"Deployed in {time.monotonic() - started:.0f} s. A link lives {CLAIM_TTL_SECONDS} s here.")
        product = Product(cloud)
        claimed(product)
        expired(product)
        declined(product)
        _say("\nEvery step did what it said. Stopping the local cloud.")


def claimed(product: Product) -> None:
    """Alice asks, says that it is her, claims, and nobody can claim again."""
    _title("1. Alice forgot her password")
    asked = time.monotonic()
    _show("POST /generate", product.request(ALICE), expected=202)
    question = product.wait_for_question(ALICE)
    _say(f"A mail arrives {time.monotonic() - asked:.1f} s later. Nothing has been changed yet:")
    _quote(product.wait_for_mail(ALICE, "Did you ask"), hidden=question.rs)

    _title("2. She says yes, and gets the link")
    _show("GET  /confirm", product.http.get(question.page), expected=200, body="the page; it answers nothing")
    answered = time.monotonic()
    _show("POST /confirm", product.answer(question, "yes"), expected=200)
    link = product.wait_for_link(ALICE)
    _say(f"Another mail arrives {time.monotonic() - answered:.1f} s later:")
    _quote(product.wait_for_mail(ALICE, "CONFIDENTIAL"), hidden=link.rs)

    _title("3. She opens the link and presses Reveal")
    _show(
        "GET  /extract", product.http.get(link.page), expected=200, body="the page; it has not used the link"
    )
    answer = product.claim(link)
    revealed: dict[str, Any] = answer.json()
    password = revealed.pop("password")
    _show(
        "POST /extract", answer, expected=200, body=f"{revealed} and a password of {len(password)} characters"
    )
    _check("the password signs in", product.sign_in(ALICE, password)["signed_in"])
    _check("it must be changed at once", product.sign_in(ALICE, password)["password_reset_required"])

    _title("4. The same link again")
    _show("POST /extract", product.extract(link), expected=410)
    _tell(product.wait_for_end(product.execution_arns(ALICE)[0]), ends="Claimed")
    notice = product.wait_for_notice(ALICE)
    _quote(product.wait_for_mail(ALICE, "was shown"), hidden=notice.rs)

    _title("5. Had it not been her, she would press This was not me")
    _show("POST /revoke", product.disown(notice), expected=200)
    _check("the password signs in no more", not product.sign_in(ALICE, password)["signed_in"])


def expired(product: Product) -> None:
    """Bob asks and never opens the link."""
    _title("6. Bob asks too, says yes, and does not open his link")
    _show("POST /generate", product.request_and_confirm(BOB), expected=202)
    link = product.wait_for_link(BOB)
    _say(f"His mail arrives. The link lives {CLAIM_TTL_SECONDS} s; waiting ...")
    _tell(product.wait_for_end(product.execution_arns(BOB)[0]), ends="Expired")
    _show("POST /extract", product.extract(link), expected=410)
    _check("nothing is left in the parameter store", not product.parameters(BOB))
    _quote(product.wait_for_mail(BOB, "expired"))


def declined(product: Product) -> None:
    """Somebody asks in Carol's name."""
    _title("7. Somebody else types Carol's address")
    password = secrets.token_urlsafe(16) + "Aa0!"
    carol = product.create_user(password)
    _show("POST /generate", product.request(carol), expected=202)
    _show("POST /confirm", product.answer(product.wait_for_question(carol), "no"), expected=200)
    _tell(product.wait_for_end(product.execution_arns(carol)[0]), ends="Declined")
    _check("her password is the one she had", product.sign_in(carol, password)["signed_in"])


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _title(text: str) -> None:
    _say(f"\n{text}\n{'-' * len(text)}")


def _show(request: str, answer: httpx.Response, *, expected: int, body: str = "") -> None:
    _say(f"{request}  ->  {answer.status_code} {body or answer.text}")
    if answer.status_code != expected:
        raise DemoError(f"{request} answered {answer.status_code}, not {expected}")


def _check(promise: str, kept: object) -> None:
    _say(f"  {'yes' if kept else 'NO'}: {promise}")
    if not kept:
        raise DemoError(f"Not so: {promise}")


def _quote(mail: dict[str, Any], hidden: str = "") -> None:
    # A transcript is kept longer than a link lives, but a habit is a habit: no secret in any output.
    text = mail["text"].replace(hidden, "<the link's secret>") if hidden else mail["text"]
    head = f"From: {mail['from']}\nTo: {', '.join(mail['to'])}\nSubject: {mail['subject']}\n\n"
    _say(textwrap.indent(head + text.rstrip(), "  | ", lambda _: True))


def _tell(run: Run, *, ends: str) -> None:
    _say(f"The execution {run.description['name']} {run.status}:")
    for state, seconds in run.durations:
        _say(f"  {state:<18}{seconds:7.2f} s")
    if run.states[-1] != ends:
        raise DemoError(f"The execution ended in {run.states[-1]}, not {ends}: {run.cause}")
