"""From what tools print to what a Description may hold.

Invariant: whatever `as_canonical` returns, `evidence.canonical.canonical` accepts. A number that has no
canonical form keeps its text; nothing is rounded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from evidence.canonical import Json

_MAX_INT = 2**53 - 1
_MAX_DEPTH = 64
_DROPPED = object()


class TooStrange(ValueError):
    """The text is not JSON that can be kept: malformed, or nested beyond any real use."""


def _text(value: str) -> str:
    # A lone surrogate has no UTF-8 form; its escape keeps what was there visible.
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_MAX_INT <= value <= _MAX_INT else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return _DROPPED if value.startswith("base64:") else _text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _DROPPED
    if depth >= _MAX_DEPTH:
        return "(nested too deeply)"
    if isinstance(value, Mapping):
        members = ((_text(str(key)), _plain(member, depth + 1)) for key, member in value.items())
        return {key: member for key, member in members if member is not _DROPPED}
    if isinstance(value, list | tuple):
        elements = (_plain(element, depth + 1) for element in value)
        return [element for element in elements if element is not _DROPPED]
    return _text(str(value))


def as_canonical(value: object) -> Json:
    """`value` with fractions and too large integers as their text, and without binary blobs.

    A blob that is a member of an object or an array is left out; one that stands alone becomes None.
    """
    plain = _plain(value, 0)
    return None if plain is _DROPPED else plain  # type: ignore[return-value]


def parse_tool_json(text: bytes) -> Json:
    """What a tool printed as JSON, with every fraction exactly as it was written.

    Raises TooStrange for text that is not JSON or is nested too deeply to be read.
    """
    try:
        value = json.loads(text.decode("utf-8", "replace"), parse_float=str, parse_int=_int_or_text)
    except (ValueError, RecursionError) as error:
        raise TooStrange("not readable as JSON") from error
    return as_canonical(value)


def _int_or_text(digits: str) -> int | str:
    # int() refuses thousands of digits, and a hostile file may hold them.
    return int(digits) if len(digits) <= 17 else digits
