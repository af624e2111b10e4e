"""Every mail the local cloud has sent, for a person to read and for a program to fetch."""

from __future__ import annotations

import html
import re
from bisect import insort
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from threading import Condition

_URL = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True)
class Mail:
    """One mail as its reader sees it.

    `sent_at` is ISO 8601 in UTC, to the microsecond, so that sorting the text sorts by time.
    """

    via: Literal["ses", "smtp", "sns"]
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    sent_at: str

    def as_json(self) -> dict[str, Any]:
        """Name the fields as the mailbox's JSON does."""
        fields = asdict(self)
        return {
            "via": fields.pop("via"),
            "from": fields.pop("sender"),
            **fields,
            "to": list(self.to),
        }


def moment(timestamp: float) -> str:
    """Write Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="microseconds")


def from_ses_record(record: Mapping[str, Any]) -> Mail:
    """Read a mail out of what MiniStack keeps of a SES call (v1 and v2; simple, raw or from a template)."""

    def body(name: str) -> str:
        return str(record.get(f"Rendered{name}") or record.get(name) or "")

    return Mail(
        via="ses",
        sender=str(record.get("Source", "")),
        to=tuple(address for field in ("To", "CC", "BCC") for address in record.get(field) or ()),
        subject=body("Subject"),
        text=body("BodyText"),
        html=body("BodyHtml"),
        sent_at=moment(record["Timestamp"]),
    )


class Mailbox:
    """Mails from any number of sources, in the order they were sent."""

    def __init__(self, changed: Condition) -> None:
        """Start empty; `changed` is told of each mail, and of nothing else, which comes far more often."""
        # By address, and all of them by none: who waits for a mail looks at each change.
        self._mails: defaultdict[str, list[Mail]] = defaultdict(list)
        self.changed = changed

    def add(self, mail: Mail) -> None:
        """Keep a mail. May be called from any thread."""
        with self.changed:
            for address in ("", *mail.to):
                insort(self._mails[address], mail, key=_sent_at)
            self.changed.notify_all()

    def mails(self, to: str = "", about: str = "") -> list[Mail]:
        """Mails to an address, else to all, with words in their subject, oldest first."""
        with self.changed:
            return [mail for mail in self._mails[to] if about in mail.subject]


def _sent_at(mail: Mail) -> str:
    return mail.sent_at


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Mailbox ({count})</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}
body {{ max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }}
article {{ border: 1px solid GrayText; border-radius: .5rem; padding: 0 1rem 1rem; margin: 1.5rem 0; }}
h2 {{ font-size: 1.1rem; margin: 1rem 0 .25rem; }}
p.meta {{ margin: 0 0 1rem; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }}
iframe {{ width: 100%; height: 24rem; border: 1px solid GrayText; background: Canvas; }}
</style>
</head>
<body>
<h1>Mailbox</h1>
<p>{count} sent, newest first. Reload to see more. <a href="executions">Executions</a></p>
{articles}
</body>
</html>
"""

_ARTICLE = """<article>
<h2>{subject}</h2>
<p class="meta">{sender} → {to}<br><time datetime="{sent_at}">{sent_at}</time> · {via}</p>
<pre>{text}</pre>
{html}</article>"""

# Scripts stay off and the mail has no origin; a link opens a new tab outside the sandbox.
_FRAME = (
    '<details><summary>HTML</summary><iframe title="The mail as HTML" loading="lazy" '
    'sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="{srcdoc}"></iframe></details>\n'
)


def _linked(text: str) -> str:
    """Escape a mail's text and make its URLs clickable."""
    parts: list[str] = []
    end = 0
    for match in _URL.finditer(text):
        url = html.escape(match.group())
        parts += [
            html.escape(text[end : match.start()]),
            f'<a href="{url}" target="_blank" rel="noreferrer">{url}</a>',
        ]
        end = match.end()
    return "".join([*parts, html.escape(text[end:])])


def page(mails: Iterable[Mail]) -> str:
    """Render the mailbox for a person, newest mail first."""
    articles = [
        _ARTICLE.format(
            subject=html.escape(mail.subject or "(no subject)"),
            sender=html.escape(mail.sender),
            to=html.escape(", ".join(mail.to)),
            sent_at=mail.sent_at,
            via=mail.via,
            text=_linked(mail.text),
            html=_FRAME.format(srcdoc=html.escape(f'<base target="_blank">{mail.html}')) if mail.html else "",
        )
        for mail in mails
    ]
    return _PAGE.format(count=len(articles), articles="\n".join(reversed(articles)))
