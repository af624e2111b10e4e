"""The registry's items of mailed links that ask a question: `question#{handle}` and `notice#{handle}`."""

from dataclasses import asdict, fields

from latchkey.adapters import table
from latchkey.claims import Handle
from latchkey.domain.action_links import ActionLink, LinkKind


def put(kind: LinkKind, handle: Handle, link: ActionLink) -> None:
    """Keep what a link asks until its handle expires. A second try overwrites the first."""
    kept_until = int(handle.expires_at.timestamp())
    table.put({"id": f"{kind}#{handle}", "kept_until": kept_until, **asdict(link)})


def read(kind: LinkKind, handle: Handle) -> ActionLink | None:
    """Return what the link of a handle asks, or None."""
    found = table.get(f"{kind}#{handle}")
    return ActionLink(**{field.name: found[field.name] for field in fields(ActionLink)}) if found else None


def delete(kind: LinkKind, handle: Handle) -> None:
    """Forget what the link of a handle asks."""
    table.delete(f"{kind}#{handle}")
