"""SendClaimLink: mails the one-time link; the only place where the link secret leaves the stack."""

import os
from datetime import datetime

from latchkey import addressees, emails, settings
from latchkey.adapters import eventbridge, kms, ses
from latchkey.domain.claims import MailedLink
from latchkey.handler import task_handler


class Event(addressees.Event):
    sealed: str
    handle: str
    expires_at: str


@task_handler
def handler(event: Event, _context: object) -> None:
    link_secret = kms.unseal(
        event["sealed"], event["execution"], event["user"], os.environ["CLAIM_KEY_ARN"]
    ).link_secret
    user = addressees.eligible(event, settings.protection())
    link = MailedLink("extract", event["handle"], link_secret)
    mail = emails.render(
        "claim_link",
        {
            "user": user.name,
            **link.words(os.environ["BASE_URL"]),
            "expires_at": datetime.fromisoformat(event["expires_at"]),
        },
        event["language"],
        settings.style(),
    )
    ses.send(mail, os.environ["SENDER_ADDRESS"], user.mail)
    eventbridge.publish("Completed", event["execution"], user.account)
