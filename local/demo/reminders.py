"""The demo's reminders: everyone due is mailed, and a second run sends nothing."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import TYPE_CHECKING

from local import system
from local.console import say
from local.demo.steps import check, quote, tell, title
from local.driver.reminders import Reminders

if TYPE_CHECKING:
    from local.driver.product import Product

_IAM_USER = "bob@example.com"


def mailed(product: Product) -> None:
    """Remind people of passwords that expire, once."""
    reminders = Reminders(product)
    iam = product.client("iam")
    iam.update_account_password_policy(MaxPasswordAge=90)
    # Bob's password is a few minutes old; for the report it is nearly three months old.
    iam.tag_user(UserName=_IAM_USER, Tags=[{"Key": "local:password-age-days", "Value": "82.5"}])
    title("Whose password expires in 15, 7 or 1 days")
    if product.cloud.directory is None:
        say(f"Only IAM users are reminded here. {system.missing(system.SAMBA)}.")
    else:
        say(f"A Samba domain controller answers on ldaps://{product.cloud.directory.host}.")
    # The client of the rotation mailed before, by the same endpoint.
    before = len(reminders.mails())
    run = reminders.run()
    tell(run, ends="Reported")
    say(f"  {'source':<10}{'user':<26}{'what happened':<28}days left")
    for row in csv.DictReader(reminders.report_text(run).splitlines()):
        say(f"  {row['source']:<10}{row['user'][:24]:<26}{row['outcome']:<28}{row['days left']:>3}")
    sent = reminders.mails()[before:]
    quote(next(mail for mail in sent if _IAM_USER in mail["to"]))
    quote(product.wait_for_mail("admin@example.com", "Password reminders of"))

    title("A second run on the same day")
    again = reminders.run()
    tell(again, ends="Reported")
    counts = json.loads(again.description["output"])["counts"]
    say(f"  {counts.get('already mailed', 0)} were mailed already")
    check("the second run sent nothing", len(reminders.mails()) == before + len(sent))
    check("everyone due got one mail", set(Counter(mail["to"][0] for mail in sent).values()) == {1})
