"""Colours that can be read: an organisation's own, made darker or lighter until it stands out."""

from collections.abc import Iterator

#: What WCAG 2.1 asks of text, 1.4.3 and, enhanced, 1.4.6 (https://www.w3.org/TR/WCAG21/#contrast-minimum).
CONTRAST = 4.5
ENHANCED_CONTRAST = 7.0

_BLACK, _WHITE = "#000000", "#ffffff"


def readable(color: str, ground: str, least: float = CONTRAST) -> str:
    """Return the colour that is nearest to one and can be read on a ground, and black or white on it.

    Args:
        color: as `#17695c`.
        ground: what it stands on; for a light ground the colour gets darker, for a dark one lighter.
        least: the contrast that is asked for, of those above.
    """
    end = _BLACK if _luminance(ground) > _luminance("#777777") else _WHITE
    return next(each for each in _towards(color, end) if contrast(each, ground) >= least)


def stronger(color: str, ground: str) -> str:
    """Return a colour that stands out more from a ground than one that can be read there."""
    return _mix(color, _BLACK if _luminance(ground) > _luminance(color) else _WHITE, 0.2)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _towards(color: str, end: str) -> Iterator[str]:
    return (_mix(color, end, step / 50) for step in range(51))


def _mix(color: str, other: str, share: float) -> str:
    parts = zip(_parts(color), _parts(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in parts)


def _parts(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color.removeprefix("#")))


def _luminance(color: str) -> float:
    """Return the relative luminance (https://www.w3.org/TR/WCAG21/#dfn-relative-luminance)."""
    low = 0.04045
    linear = [
        part / 255 / 12.92 if part / 255 <= low else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in _parts(color)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
