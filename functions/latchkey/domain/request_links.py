"""The links by which mails lead people to the page that asks for a reset."""

from urllib.parse import quote, urlencode


def request_link(page: str, *, user: str = "", directory: bool = False) -> str:
    """Return the address of the page with its form filled in; empty where a browser may not ask.

    Args:
        page: the page's address; empty where a browser's request would be refused.
        user: the name to fill in.
        directory: whether it is an account of the directory.
    """
    if not page:
        return ""
    filled_in = {"account": "directory" if directory else "", "user": user}
    query = urlencode({name: value for name, value in filled_in.items() if value}, quote_via=quote, safe="@")
    return f"{page}?{query}" if query else page
