"""The registry's items of mailed links that ask a question: `question#{handle}` and `notice#{handle}`."""

from dataclasses import asdict, fields

from latchkey.adapters import table
from latchkey.domain.action_links import ActionLink, LinkKind
from latchkey.domain.claims import Handle, generate_link_secret, hash_link_secret, proves
from latchkey.errors import ClaimGoneError


def issue(kind: LinkKind, handle: Handle, *, user: str, execution: str, task_token: str = "") -> str:
    """Keep what a link asks until its handle expires, and return the secret to mail.

    A second try with the same handle overwrites the first.
    """
    secret = generate_link_secret()
    link = ActionLink(
        user=user, execution=execution, secret_sha256=hash_link_secret(secret), task_token=task_token
    )
    kept_until = int(handle.expires_at.timestamp())
    table.put({"id": f"{kind}#{handle}", "kept_until": kept_until, **asdict(link)})
    return secret


def verify(kind: LinkKind, handle: Handle, link_secret: str) -> ActionLink:
    """Return what a link asks; it stays until `delete`.

    Raises:
        ClaimGoneError: when there is nothing, or the secret is another.
    """
    found = table.get(f"{kind}#{handle}")
    link = ActionLink(**{field.name: found[field.name] for field in fields(ActionLink)}) if found else None
    if link is None or not proves(link_secret, link.secret_sha256):
        raise ClaimGoneError("No link waits under this handle and secret.")
    return link


def delete(kind: LinkKind, handle: Handle) -> None:
    """Forget what the link of a handle asks."""
    table.delete(f"{kind}#{handle}")
