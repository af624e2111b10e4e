"""How a parametrised test is named: by what its values are, where pytest would only number them."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from functools import singledispatch
from types import FunctionType

from botocore.exceptions import ClientError

#: Longer ones do not fit beside the test's own name.
_LONGEST = 60


def name_of(value: object) -> str | None:
    """Return a name for a value; None where pytest's own says enough."""
    short = isinstance(value, str) and 0 < len(value) <= _LONGEST
    if short or value is None or isinstance(value, bool | int | float | bytes | type):
        return None
    name = _text(value).encode("unicode_escape").decode()
    # Addresses in memory and the order of sets differ from process to process, which must agree on names.
    if not name or " at 0x" in name or "set({" in name:
        return None
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."


@singledispatch
def _text(value: object) -> str:
    return str(getattr(value, "__name__", None) or repr(value))


@_text.register
def _(value: str) -> str:
    return value or "empty"


@_text.register
def _(value: FunctionType) -> str:
    return value.__module__.rpartition(".")[2] if value.__name__ == "handler" else value.__name__


@_text.register
def _(value: BaseException) -> str:
    return ": ".join(part for part in (type(value).__name__, str(value)) if part)


@_text.register
def _(value: ClientError) -> str:
    return str(value.response["Error"]["Code"])


@_text.register
def _(value: datetime | timedelta) -> str:
    return str(value)


@_text.register
def _(value: Mapping) -> str:  # type: ignore[type-arg]  # singledispatch takes classes alone
    return ", ".join(f"{_text(key)}={_text(each)}" for key, each in value.items()) or "nothing"


@_text.register
def _(value: AbstractSet) -> str:  # type: ignore[type-arg]  # as above
    return ", ".join(sorted(map(_text, value))) or "nothing"


@_text.register
def _(value: list | tuple) -> str:  # type: ignore[type-arg]  # as above
    return ", ".join(map(_text, value)) or "nothing"
