"""The demo's resets: one is claimed, one expires, one is declined."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from local.console import say
from local.demo.steps import check, quote, show, tell, title

if TYPE_CHECKING:
    from local.driver.product import Product

ALICE, BOB = "alice@example.com", "bob@example.com"
# Long enough to claim in, short enough to wait for.
CLAIM_TTL_SECONDS = 20


def claimed(product: Product) -> None:
    """Alice asks, confirms, and claims; the link works only once."""
    title("Alice forgot her password")
    asked = time.monotonic()
    show("POST /generate", product.request(ALICE), expected=202)
    question = product.wait_for_question(ALICE)
    say(f"A mail arrives {time.monotonic() - asked:.1f} s later. Nothing has been changed yet:")
    quote(product.wait_for_mail(ALICE, "Did you ask"), hidden=question.rs)

    title("She says yes, and gets the link")
    show("GET  /confirm", product.http.get(question.page), expected=200, body="the page; it answers nothing")
    answered = time.monotonic()
    show("POST /confirm", product.answer(question, "yes"), expected=200)
    link = product.wait_for_link(ALICE)
    say(f"Another mail arrives {time.monotonic() - answered:.1f} s later:")
    quote(product.wait_for_mail(ALICE, "CONFIDENTIAL"), hidden=link.rs)

    title("She opens the link and presses Reveal")
    show(
        "GET  /extract", product.http.get(link.page), expected=200, body="the page; it has not used the link"
    )
    answer = product.claim(link)
    revealed: dict[str, Any] = answer.json()
    password = revealed.pop("password")
    body = f"{json.dumps(revealed)} and a password of {len(password)} characters"
    show("POST /extract", answer, expected=200, body=body)
    check("the password signs in", product.sign_in(ALICE, password)["signed_in"])
    check("it must be changed at once", product.sign_in(ALICE, password)["password_reset_required"])

    title("The same link again")
    show("POST /extract", product.extract(link), expected=410)
    tell(product.wait_for_end(product.execution_arns(ALICE)[0]), ends="Claimed")
    notice = product.wait_for_notice(ALICE)
    quote(product.wait_for_mail(ALICE, "was shown"), hidden=notice.rs)

    title("Had it not been her, she would press This was not me")
    show("POST /revoke", product.revoke(notice), expected=200)
    check("the password no longer signs in", not product.sign_in(ALICE, password)["signed_in"])


def expired(product: Product) -> None:
    """Bob asks and never opens the link."""
    title("Bob asks too, says yes, and does not open his link")
    show("POST /generate", product.request_and_confirm(BOB), expected=202)
    link = product.wait_for_link(BOB)
    say(f"His mail arrives. The link lives {CLAIM_TTL_SECONDS} s; waiting ...")
    tell(product.wait_for_end(product.execution_arns(BOB)[0]), ends="Expired")
    show("POST /extract", product.extract(link), expected=410)
    check("nothing is left in the registry and the parameter store", not product.waiting(BOB))
    quote(product.wait_for_mail(BOB, "expired"))


def declined(product: Product) -> None:
    """Show that a request that Carol declines changes nothing."""
    title("A stranger types Carol's address")
    password = secrets.token_urlsafe(16) + "Aa0!"
    carol = product.create_user(password)
    show("POST /generate", product.request(carol), expected=202)
    show("POST /confirm", product.answer(product.wait_for_question(carol), "no"), expected=200)
    tell(product.wait_for_end(product.execution_arns(carol)[0]), ends="Declined")
    check("her password is the one she had", product.sign_in(carol, password)["signed_in"])
