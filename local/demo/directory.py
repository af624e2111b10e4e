"""The demo's directory: Dana forgets her password, and a locked account is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.console import say
from local.demo.steps import check, quote, show, tell, title
from local.driver.directory import (
    DISABLED,
    LOCKED,
    MUST_CHANGE,
    SIGNED_IN,
    WRONG_PASSWORD,
    Directory,
)
from local.driver.product import Link, wait_for

if TYPE_CHECKING:
    from local.driver.product import Product

# Dana's own: they are said on the page of a domain that is gone a minute later.
_OLD, _NEW = "Dana-knew-th1s-once", "Dana-chose-th1s-today"
_TRIES = 3


def forgotten(product: Product) -> None:
    """Dana asks, claims, must change the password, and signs in with it."""
    title("Dana forgot the password of her directory account")
    if product.cloud.directory is None:
        say("There is no directory here: what the system lacks for it was said above.")
        return
    directory = Directory(product.cloud.directory)
    name = directory.create_user(_OLD, displayName="Dana Scully")
    mail = f"{name}@corp.example.com"
    check("the old password signs in", directory.sign_in(name, _OLD) == SIGNED_IN)
    show("POST /generate", product.request(name, account="directory"), expected=202)
    product.answer(product.wait_for_question(mail), "yes").raise_for_status()
    link = product.wait_for_link(mail)
    say(f"A link is mailed to {mail}, as Alice's was. Beside the password the page says:")
    answer = product.claim(link).json()
    say(f"  | {answer['sign_in_hint']}")
    password = answer["password"]
    check(
        "the directory answers the temporary one by 773, must change",
        directory.sign_in(name, password) == MUST_CHANGE,
    )
    check("the old one is dead", directory.sign_in(name, _OLD) == WRONG_PASSWORD)
    check("Dana chooses another", directory.change_password(name, password, _NEW))
    check("she signs in with it", directory.sign_in(name, _NEW) == SIGNED_IN)
    tell(product.wait_for_end(product.execution_arns(f"directory/{name}")[0]), ends="Claimed")
    _locked(product, directory, name, mail)
    _disabled(product, directory)


def _locked(product: Product, directory: Directory, name: str, mail: str) -> None:
    title("Someone guesses at her password, and locks her out")
    with directory.policy(lockoutThreshold=_TRIES):
        wait_for("a lock", lambda: directory.sign_in(name, "a-Guess-4t-it") == LOCKED)
        check("her own password is refused", directory.sign_in(name, _NEW) == LOCKED)
        show("POST /generate", product.request(name, account="directory", wish="unlock"), expected=202)
        question = Link.within(product.wait_for_mail(mail, "Did you ask to unlock")["text"])
        show("POST /confirm", product.answer(question, "yes"), expected=200)
        quote(product.wait_for_mail(mail, "is unlocked"))
        check("her own password signs in again", directory.sign_in(name, _NEW) == SIGNED_IN)


def _disabled(product: Product, directory: Directory) -> None:
    title("A disabled account is refused, and the asker is not told")
    name = directory.create_user(_OLD, userAccountControl="514")
    show("POST /generate", product.request(name, account="directory"), expected=202)
    (arn,) = wait_for("the execution", lambda: product.execution_arns(f"directory/{name}"))
    tell(product.wait_for_end(arn), ends="Rejected")
    check("no mail was sent", product.mails(f"{name}@corp.example.com") == [])
    check("it is as disabled as before", directory.sign_in(name, _OLD) == DISABLED)
