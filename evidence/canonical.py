"""Canonical JSON (RFC 8785, JCS) for the values that Custos writes for ever.

Only what a format here may hold is accepted: objects with string keys, arrays, strings, booleans, null
and integers within ±(2**53 − 1). Floats are refused: their text differs between languages, and nothing
that Custos signs needs one. Within those bounds the output equals RFC 8785 byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

Json: TypeAlias = "Mapping[str, Json] | list[Json] | tuple[Json, ...] | str | int | bool | None"

_MAX_INT = 2**53 - 1


def _sort_key(key: str) -> bytes:
    # RFC 8785 §3.2.3 sorts by UTF-16 code units, which differs from code points above U+FFFF.
    return key.encode("utf-16-be")


def _checked(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        value.encode("utf-8")
        return value
    if isinstance(value, int):
        if not -_MAX_INT <= value <= _MAX_INT:
            raise ValueError("integer outside ±(2**53 − 1)")
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError("object keys must be strings")
        return {key: _checked(value[key]) for key in sorted(value, key=_sort_key)}
    if isinstance(value, list | tuple):
        return [_checked(element) for element in value]
    raise TypeError(f"{type(value).__name__} has no canonical form here")


_encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
).encode


def canonical(value: Json) -> bytes:
    """The RFC 8785 bytes of `value`.

    Raises TypeError for a type that has no place in a format, ValueError for an integer that is too
    large, UnicodeEncodeError (a ValueError) for a lone surrogate.
    """
    return _encode(_checked(value)).encode("utf-8")


def parse_canonical(data: bytes) -> dict[str, Json]:
    """The object whose canonical bytes are exactly `data`; ValueError if they are not canonical."""
    try:
        value = json.loads(data)
        if isinstance(value, dict) and canonical(value) == data:
            return value
    except TypeError as error:
        raise ValueError(str(error)) from error
    raise ValueError("not a canonical JSON object")
