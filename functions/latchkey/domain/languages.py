"""Which language a person reads: what they ask for, as far as there is one."""

from collections.abc import Collection, Iterator

#: What is longer lists no languages a person reads.
_LONGEST_LIST = 500


def choose(wanted: str, available: Collection[str], default: str) -> str:
    """Return the language that fits best.

    A tag that there is no language for loses its last subtag until there is one: `de-AT` is served by `de`
    (RFC 4647, 3.4).

    Args:
        wanted: what a browser, a directory or a tag says, in the form of Accept-Language: `de-AT, en;q=0.8`.
        available: the tags of the languages there are.
        default: the one to take where none fits.
    """
    known = {tag.lower(): tag for tag in available}
    for tag in _preferred(wanted):
        subtags = tag.split("-")
        while subtags:
            found = known.get("-".join(subtags))
            if found:
                return found
            subtags.pop()
    return default


def _preferred(wanted: str) -> Iterator[str]:
    """Yield the tags of a list in lower case, the most wanted first (RFC 9110, 12.5.4)."""
    weighted = []
    for part in wanted[:_LONGEST_LIST].lower().split(","):
        tag, _, parameter = part.partition(";")
        weight = _weight(parameter)
        if weight > 0:
            weighted.append((weight, tag.strip().replace("_", "-")))
    yield from (tag for _, tag in sorted(weighted, key=lambda each: each[0], reverse=True))


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1
    try:
        return float(value)
    except ValueError:
        return 0
